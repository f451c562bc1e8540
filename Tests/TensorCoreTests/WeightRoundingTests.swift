import TestSupport
import Testing

@testable import TensorCore

/// What blocks hold of weights, in their place.
@Suite("Rounded weights") struct WeightRoundingTests {
  private static let encodings: [MatrixEncoding] = [
    .blocks(.q8_0), .blocks(.q4_0), .blocks(.q6_K), .plain(.float16), .plain(.bfloat16),
  ]

  private func round(_ weights: [Float], _ encoding: MatrixEncoding) -> [Float] {
    [Float](unsafeUninitializedCapacity: weights.count) { rounded, count in
      weights.withUnsafeBufferPointer { floats in
        guard let from = floats.baseAddress, let to = rounded.baseAddress else { return }
        encoding.round(from, weights.count, into: to)
      }
      count = weights.count
    }
  }

  private func decode(_ bytes: [UInt8], _ encoding: MatrixEncoding, count: Int) -> [Float] {
    var weights = [Float](repeating: 0, count: count)
    var span = weights.mutableSpan
    encoding.decode(bytes.span.bytes, into: &span)
    return weights
  }

  private func bits(_ weights: [Float]) -> [UInt32] { weights.map(\.bitPattern) }

  /// Blocks of 256 of all kinds: of one size, of parts of very different sizes, of zeros, beyond the smallest half,
  /// near the largest, with few that are not 0.
  private static func weights() -> [Float] {
    var random = SeededGenerator(seed: 11)
    func normal(_ scale: Double) -> Float { Float(random.nextNormal() * scale) }
    var weights: [Float] = []
    for scale in [1e-10, 1e-8, 1e-7, 3e-7, 1e-6, 1e-5, 1e-4, 0.02, 1, 300, 1e4] {
      for _ in 0..<12 { weights += (0..<256).map { _ in normal(scale) } }
    }
    for _ in 0..<24 {
      for part in 0..<16 { weights += (0..<16).map { _ in normal(0.02) / Float(1 << (part % 10)) } }
      weights += (0..<256).map { $0 % 37 == 5 ? normal(0.1) : 0 }
      weights += (0..<256).map { $0 / 16 % 3 == 0 ? 0 : normal(1e-3) }
    }
    let ends: [(often: Float, seldom: Float)] = [(0, -0.0), (-65_504, 65_504), (0, 1e-38)]
    for (often, seldom) in ends { weights += (0..<256).map { $0 % 85 == 3 ? seldom : often } }
    return weights
  }

  @Test("Encoding keeps every bit of them", arguments: encodings)
  func fixedPoints(encoding: MatrixEncoding) {
    let weights = Self.weights()
    let rounded = round(weights, encoding)
    let bytes = encoding.encode(rounded, on: .shared)
    #expect(bits(decode(bytes, encoding, count: weights.count)) == bits(rounded))
    #expect(bits(round(rounded, encoding)) == bits(rounded))
    // the values of the weights' own blocks, but for the signs of zeros
    let own = encoding.encode(weights, on: .shared)
    #expect(decode(own, encoding, count: weights.count) == rounded)
    if encoding.blockLength == 32 {
      // where scales are not too small to be held, the blocks, too
      let length = encoding.rowBytes(columns: 32)
      for block in 0..<weights.count / 32 where rounded[block * 32..<block * 32 + 32].contains(where: { $0 != 0 }) {
        let range = block * length..<(block + 1) * length
        #expect(bytes[range] == own[range])
      }
    }
  }

  /// Any half, scales and integers, those at the ends of their ranges among them.
  @Test func eachBlockOfQ6KIsFoundAgain() {
    var random = SeededGenerator(seed: 12)
    let encoding = MatrixEncoding.blocks(.q6_K)
    for trial in 0..<4_000 {
      var block = (0..<210).map { _ in UInt8.random(in: 0...255, using: &random) }
      for part in 0..<16 {
        switch trial % 8 {
        case 0: block[192 + part] = UInt8(bitPattern: [-128, 127, -127, 0][part % 4])
        case 1: block[192 + part] = UInt8(bitPattern: Int8.random(in: -3...3, using: &random))
        case 2: block[192 + part] &= 0xF0
        default: break
        }
      }
      // few integers that are not 0: 32 in the upper bits, 0 in the lower ones
      if trial % 5 == 0 {
        for place in 0..<128 where place % 19 != 0 { block[place] = 0 }
        for place in 128..<192 { block[place] = 0xAA }
      }
      // no infinity
      block[209] &= 0xBF
      if trial % 7 == 0 { block[209] &= 0x80 }
      let weights = decode(block, encoding, count: 256)
      let again = encoding.encode(weights, on: .shared)
      #expect(decode(again, encoding, count: 256) == weights, "\(block)")
      #expect(encoding.encode(decode(again, encoding, count: 256), on: .shared) == again)
    }
  }

  @Test func whatNoBlockHoldsIsSearchedFor() {
    // whole multiples of the smallest half, of more digits than a part has
    let encoding = MatrixEncoding.blocks(.q6_K)
    let slope = (0..<256).map { (place: Int) -> Float in Float(place * 3 - 300) }
    let peaks = (0..<256).map { (place: Int) -> Float in place % 16 == 0 ? 64 : 1 }
    for x in [slope, peaks] {
      let found = round(x, encoding)
      #expect(found != x && zip(x, found).allSatisfy { abs($0 - $1) <= 16 })
    }
  }

  private func store(threads: Int) -> ParameterStore {
    let store = ParameterStore(on: Device(threads: threads))
    _ = store.root.parameter("gain", [7], .normal(standardDeviation: 1), decays: false)
    _ = store.root.parameter("wide", [9, 256], .normal(standardDeviation: 0.02), decays: true)
    _ = store.root.parameter("narrow", [1_000, 64], .normal(standardDeviation: 0.02), decays: true)
    _ = store.root.parameter("odd", [5, 6], .normal(standardDeviation: 0.02), decays: true)
    var generator = SeededGenerator(seed: 13)
    store.initialize(using: &generator)
    return store
  }

  @Test func theWeightsComeBackWhateverHappens() throws {
    struct Stop: Error {}
    let encodings: [MatrixEncoding] = [.plain(.float32), .blocks(.q6_K), .blocks(.q4_0), .plain(.float16)]
    var seen: [[UInt32]] = []
    for threads in [1, 3] {
      let store = store(threads: threads)
      let rounding = WeightRounding(store, as: encodings)
      let before = store.parameters.map { $0.value.array() }
      let expected = zip(before, encodings).map { $1 == .plain(.float32) ? $0 : round($0, $1) }
      let inside = rounding.withRounded { store.parameters.map { $0.value.array() } }
      #expect(inside.map(bits) == expected.map(bits) && inside != before)
      #expect(store.parameters.map { $0.value.array() } == before)
      #expect(throws: Stop.self) { try rounding.withRounded { () throws(Stop) in throw Stop() } }
      #expect(store.parameters.map { $0.value.array() } == before)
      rounding.round()
      #expect(store.parameters.map { bits($0.value.array()) } == expected.map(bits))
      seen.append(expected.flatMap(bits))
    }
    #expect(seen[0] == seen[1])
  }
}
