import CKernels
import TensorCore
import TestSupport
import Testing

/// Attention with caches beside the Double reference of attention to a whole sequence, of keys and values as they are
/// cached.
@Suite struct CachedAttentionTests {
  private static let heads = 4
  private static let keyValueHeads = 2

  private func random(_ rows: Int, _ columns: Int, seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<rows * columns).map { _ in Float.random(in: -2...2, using: &generator) }
  }

  /// Tokens in passes of 3, 1, 1, 30, 1, … and the cache, which must grow, of a sequence; beside it another of its own
  /// length.
  @Test(
    arguments: CachePrecision.allCases.flatMap { precision in
      [6, 32, 48, 64, 80, 128, 200].map { (precision, headSize: $0) }
    }, MatrixBackendKind.available)
  func tokensSeeWhatIsCached(
    setting: (precision: CachePrecision, headSize: Int), kind: MatrixBackendKind
  ) throws {
    let (precision, headSize) = setting
    let device = try Device(threads: 2, backend: kind)
    let counts = [3, 1, 1, 30, 1, 47, 1, 1]
    let length = counts.reduce(0, +)
    let (width, keyWidth) = (Self.heads * headSize, Self.keyValueHeads * headSize)
    let sequences = (0..<2).map { sequence -> (query: [Float], key: [Float], value: [Float], cache: KeyValueCache) in
      let seed = UInt64(10 * sequence)
      return (
        random(length, width, seed: seed), random(length, keyWidth, seed: seed + 1),
        random(length, keyWidth, seed: seed + 2),
        KeyValueCache(
          windows: [nil], headCount: Self.keyValueHeads, headSize: headSize, contextLength: 100, expectedLength: 5,
          precision: precision, on: device)
      )
    }
    var found: [[Float]] = [[], []]
    for count in counts {
      // the other sequence gets single tokens as long as this one gets any
      let passes = [count, 1]
      func rows(_ all: [Float], _ columns: Int, _ sequence: Int) -> ArraySlice<Float> {
        let first = sequences[sequence].cache.length
        return all[first * columns..<(first + passes[sequence]) * columns]
      }
      func tensor(_ columns: Int, _ part: (Int) -> [Float]) -> Tensor {
        Tensor((0..<2).flatMap { rows(part($0), columns, $0) }, shape: [count + 1, columns], on: device)
      }
      let out = tensor(width) { sequences[$0].query }
        .cachedAttention(
          keys: tensor(keyWidth) { sequences[$0].key }, values: tensor(keyWidth) { sequences[$0].value },
          caches: sequences.map(\.cache), counts: passes, layer: 0,
          rule: AttentionRule(headSize: headSize)
        ).array()
      found[0] += out[..<(count * width)]
      found[1] += out[(count * width)...]
      for (sequence, count) in passes.enumerated() { sequences[sequence].cache.advance(by: count) }
    }
    func kept(_ x: Float) -> Double { precision == .float32 ? Double(x) : Double(Float16(x)) }
    for (sequence, found) in zip(sequences, found) {
      let length = sequence.cache.length
      let expected = DoubleReference.causalAttention(
        sequence.query[..<(length * width)].map(Double.init), sequence.key[..<(length * keyWidth)].map(kept),
        sequence.value[..<(length * keyWidth)].map(kept), batchSize: 1, length: length, heads: Self.heads,
        keyValueHeads: Self.keyValueHeads, rule: AttentionRule(headSize: headSize))
      #expect(relativeError(found, expected) < 1e-5)
    }
  }

  @Test func float16IsRoundedToNearestEvenAndEndsAtItsLargestNumber() {
    var generator = SeededGenerator(seed: 1)
    var values: [Float] = [
      0, -0.0, 1, 65504, 65519, 65520, 1e30, -1e30, .infinity, -.infinity, 1e-7, 6e-8, 2e-8, -6e-5,
    ]
    values += (0..<1000).map { _ in
      Float(
        sign: .plus, exponent: .random(in: -26...15, using: &generator),
        significand: .random(in: -2...2, using: &generator))
    }
    var (narrow, wide) = ([UInt16](repeating: 0, count: values.count), [Float](repeating: 0, count: values.count))
    limbeck_narrow_f16(&narrow, values, values.count)
    limbeck_widen_f16(&wide, narrow, values.count)
    for (value, (bits, widened)) in zip(values, zip(narrow, wide)) {
      let expected = Float16(max(-65504, min(65504, value)))
      #expect(bits == expected.bitPattern && widened == Float(expected), "\(value)")
    }
    var notANumber: UInt16 = 0
    limbeck_narrow_f16(&notANumber, [.nan], 1)
    #expect(Float16(bitPattern: notANumber).isNaN)
  }

  @Test func aCacheInFloat16TakesHalfTheMemory() {
    func peak(_ precision: CachePrecision) -> Int {
      let device = Device(threads: 1)
      let cache = KeyValueCache(
        windows: [nil, nil], headCount: 2, headSize: 64, contextLength: 512, expectedLength: 512, precision: precision,
        on: device)
      return withExtendedLifetime(cache) { device.peakBytes }
    }
    #expect(peak(.float32) == 2 * 2 * 2 * 512 * 64 * 4)
    #expect(peak(.float16) == peak(.float32) / 2)
  }
}
