import CKernels
import Foundation
import Testing

@testable import TensorCore

/// Attention's scores become weights, and their gradients, in place: those of Double, for rows of every length around
/// that of vectors and of the pieces that sums are taken over.
@Suite struct AttentionRowsTests {
  /// `block` rows, of which the first is beside key `position`, with a window if there is one.
  struct Block: Sendable {
    let block: Int
    let position: Int
    let window: Int?
    var rows: QueryBlock { QueryBlock(position: position, count: block, window: window, alignment: 48) }

    /// The keys that a row sees, counted from the first one of the block.
    func seen(_ row: Int) -> Range<Int> {
      let end = position + row + 1
      return max(0, end - (window ?? end)) - rows.firstKey..<end - rows.firstKey
    }
  }

  static let blocks =
    [(1, 0), (2, 14), (3, 30), (32, 0), (32, 32), (5, 63), (7, 989), (3, 1_022), (4, 2_046)].map {
      Block(block: $0, position: $1, window: nil)
    }
    + [
      (1, 0, 1), (2, 14, 1), (32, 0, 1), (32, 32, 1), (32, 40, 20), (5, 63, 64), (5, 63, 66), (7, 989, 31),
      (3, 1_022, 500), (4, 2_046, 1_024), (32, 100, 1_000),
    ].map { Block(block: $0, position: $1, window: $2) }
  static let scale: Float = 0.21
  static let rules = [AttentionRule(headSize: 8, scale: scale), AttentionRule(headSize: 8, scale: scale, cap: 3)]

  /// A precision, and the backend whose form of the rows it is.
  struct Form: Sendable {
    let precision: ProductPrecision
    let kind: MatrixBackendKind
    /// Whether rows become bfloat16s, from where their floats began.
    func isNarrow(_ device: Device) -> Bool { precision == .bfloat16 && device.backend.packsBFloat16 }
  }

  static let forms = MatrixBackendKind.available.flatMap { kind in
    ProductPrecision.allCases.map { Form(precision: $0, kind: kind) }
  }

  private func factors(
    _ precision: ProductPrecision, for keys: Int, on device: Device
  ) -> (KeyValueFactors, memory: [Tensor]) {
    let rows = Tensor.zeros([keys, 8], on: device)
    let memory = Tensor.zeros(
      [KeyValueFactors.memoryCount(keys: keys, headSize: 8, precision: precision, backend: device.backend)], on: device)
    let factors = KeyValueFactors(
      keys: rows.pointer, values: rows.pointer, stride: 8, count: keys, headSize: 8, precision: precision,
      backend: device.backend, memory: memory.pointer)
    return (factors, [rows, memory])
  }

  /// Scores of both signs; what a row does not see is not a number, so that reading it shows.
  private func scores(_ block: Block, seed: UInt64, on device: Device) -> Tensor {
    var generator = SeededGenerator(seed: seed)
    let line = block.rows.line
    let tensor = Tensor(uninitialized: [block.block, line], on: device)
    tensor.withMutableSpan { span in
      for i in span.indices {
        span[i] = block.seen(i / line).contains(i % line) ? Float(20 * generator.nextNormal()) : .nan
      }
    }
    return tensor
  }

  /// What a rule makes of a product, and its derivative.
  private func score(_ product: Float, _ rule: AttentionRule) -> (value: Double, slope: Double) {
    let scaled = Double(rule.scale) * Double(product)
    guard let cap = rule.cap.map(Double.init) else { return (scaled, Double(rule.scale)) }
    return (cap * tanh(scaled / cap), Double(rule.scale) / pow(cosh(scaled / cap), 2))
  }

  /// What products read of a row: floats, or bfloat16s from where these began.
  private func row(_ row: Int, of tensor: Tensor, _ block: Block, isNarrow: Bool) -> [Float] {
    let (start, width) = (tensor.pointer + row * block.rows.line, block.rows.width)
    guard isNarrow else { return Array(UnsafeBufferPointer(start: start, count: width)) }
    let halves = UnsafeRawPointer(start).bindMemory(to: UInt16.self, capacity: width)
    return (0..<width).map { Float(bitPattern: UInt32(halves[$0]) << 16) }
  }

  /// Half a unit in the last of 8 significant bits, and what exponentials and float32 sums lose.
  private func allowed(isNarrow: Bool) -> Double { isNarrow ? 0x1p-8 + 1e-5 : 1e-5 }

  @Test(arguments: blocks, forms)
  func weightsAreExponentialsRelativeToTheMaximum(block: Block, form: Form) throws {
    let device = try Device(threads: 1, backend: form.kind)
    let isNarrow = form.isNarrow(device)
    let rows = block.rows
    let (factors, memory) = factors(form.precision, for: rows.width, on: device)
    for rule in Self.rules {
      let scores = scores(block, seed: 1, on: device)
      let before = scores.array()
      var maxima = [Float](repeating: 0, count: block.block)
      var sums = [Double](repeating: 0, count: block.block)
      factors.makeWeights(scores.pointer, rows, rule: rule, maxima: &maxima, sums: &sums)
      for index in 0..<block.block {
        let seen = block.seen(index)
        let wanted = seen.map { score(before[index * rows.line + $0], rule).value }
        let maximum = wanted.max() ?? .nan
        let expected = wanted.map { exp($0 - maximum) }
        #expect(abs(Double(maxima[index] * rule.weightScale) - maximum) < 1e-6 * max(1, abs(maximum)))
        // without a cap nothing has been computed with the scores yet
        if rule.cap == nil { #expect(maxima[index] == seen.map { before[index * rows.line + $0] }.max()) }
        #expect(abs(sums[index] / expected.reduce(0, +) - 1) < 2e-6)
        let found = row(index, of: scores, block, isNarrow: isNarrow)
        for (weight, wanted) in zip(found[seen], expected) {
          #expect(abs(Double(weight) - wanted) <= allowed(isNarrow: isNarrow) * wanted)
        }
        #expect(found.indices.allSatisfy { seen.contains($0) || found[$0] == 0 })
      }
    }
    withExtendedLifetime(memory) {}
  }

  @Test(arguments: blocks, forms)
  func gradientsAreThoseOfTheSoftmax(block: Block, form: Form) throws {
    let device = try Device(threads: 1, backend: form.kind)
    let isNarrow = form.isNarrow(device)
    let rows = block.rows
    let (factors, memory) = factors(form.precision, for: rows.width, on: device)
    let deltas = (0..<3 * block.block).map { Float($0) / 8 }
    for rule in Self.rules {
      let (scores, gradients) = (scores(block, seed: 2, on: device), scores(block, seed: 3, on: device))
      let (before, gradientsBefore) = (scores.array(), gradients.array())
      let logSums = (0..<block.block).map { index -> Float in
        Float(log(block.seen(index).reduce(0.0) { $0 + exp(score(before[index * rows.line + $1], rule).value) }))
      }
      factors.makeGradients(
        scores.pointer, gradients.pointer, rows, rule: rule, logSums: logSums, deltas: deltas, deltaStride: 3)
      for index in 0..<block.block {
        let probabilities = row(index, of: scores, block, isNarrow: isNarrow)
        let found = row(index, of: gradients, block, isNarrow: isNarrow)
        for column in 0..<rows.width {
          guard block.seen(index).contains(column) else {
            #expect(probabilities[column] == 0 && found[column] == 0)
            continue
          }
          let place = index * rows.line + column
          let (value, slope) = score(before[place], rule)
          let probability = exp(value - Double(logSums[index]))
          let gradient = probability * (Double(gradientsBefore[place]) - Double(deltas[3 * index])) * slope
          #expect(abs(Double(probabilities[column]) - probability) <= allowed(isNarrow: isNarrow) * probability)
          #expect(
            abs(Double(found[column]) - gradient) <= allowed(isNarrow: isNarrow) * abs(gradient) + 1e-6 * probability)
        }
      }
    }
    withExtendedLifetime(memory) {}
  }

  @Test(arguments: forms)
  func whatIsImpossibleHasNoWeightAndWhatIsNoNumberShows(form: Form) throws {
    let device = try Device(threads: 1, backend: form.kind)
    let isNarrow = form.isNarrow(device)
    let block = Block(block: 2, position: 39, window: nil)
    let rows = block.rows
    let (factors, memory) = factors(form.precision, for: rows.width, on: device)
    let scores = scores(block, seed: 4, on: device)
    // 1,000 standard deviations below the others, and less
    scores.pointer[3] = -20_000
    scores.pointer[39] = -.infinity
    scores.pointer[rows.line + 33] = .nan
    var maxima = [Float](repeating: 0, count: 2)
    var sums = [Double](repeating: 0, count: 2)
    factors.makeWeights(scores.pointer, rows, rule: Self.rules[0], maxima: &maxima, sums: &sums)
    let first = row(0, of: scores, block, isNarrow: isNarrow)
    #expect(first[3] == 0 && first[39] == 0 && sums[0].isFinite && sums[0] >= 1)
    #expect(sums[1].isNaN)
    withExtendedLifetime(memory) {}
  }

  /// To 2e-7 of itself, over all magnitudes; beyond the largest sizes it is the cap, and not a number stays so.
  @Test func softCapsAreThoseOfDouble() {
    var generator = SeededGenerator(seed: 5)
    let inputs = (0..<100_003).map { _ in
      Float(
        sign: Bool.random(using: &generator) ? .plus : .minus, exponent: .random(in: -40...7, using: &generator),
        significand: .random(in: 1..<2, using: &generator))
    }
    for cap in [1, 50] as [Float] {
      var found = inputs
      limbeck_soft_cap(&found, 1, cap, found.count)
      let worst = zip(found, inputs).reduce(0) { worst, pair in
        let expected = Double(cap) * tanh(Double(pair.1 / cap))
        return max(worst, abs(Double(pair.0) / expected - 1))
      }
      // what is divided by the cap and multiplied with it is rounded, too
      #expect(worst < (cap == 1 ? 2e-7 : 3e-7))
    }
    var special: [Float] = [0, -0.0, .infinity, -.infinity, 1e30, .nan, .leastNonzeroMagnitude]
    limbeck_soft_cap(&special, 1, 1, special.count)
    #expect(special[..<5].map(\.bitPattern) == ([0, -0.0, 1, -1, 1] as [Float]).map(\.bitPattern))
    #expect(special[5].isNaN && special[6] <= .leastNonzeroMagnitude)
  }
}
