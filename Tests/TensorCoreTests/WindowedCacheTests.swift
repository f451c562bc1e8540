import TensorCore
import TestSupport
import Testing

/// Caches whose layers have windows, beside the Double reference of attention to a whole sequence.
@Suite struct WindowedCacheTests {
  private static let (heads, keyValueHeads, headSize) = (4, 2, 8)
  private static let (width, keyWidth) = (heads * headSize, keyValueHeads * headSize)

  /// The queries, keys and values of a text.
  private struct Text {
    let query: [Float]
    let key: [Float]
    let value: [Float]

    init(tokens: Int, seed: UInt64) {
      var generator = SeededGenerator(seed: seed)
      func normal(_ count: Int) -> [Float] { (0..<count).map { _ in Float(generator.nextNormal()) } }
      query = normal(tokens * width)
      key = normal(tokens * keyWidth)
      value = normal(tokens * keyWidth)
    }

    /// What comes of its first tokens, of keys and values as a cache keeps them.
    func expected(_ tokens: Int, rule: AttentionRule, precision: CachePrecision) -> [Double] {
      func kept(_ x: Float) -> Double { precision == .float32 ? Double(x) : Double(Float16(x)) }
      return DoubleReference.causalAttention(
        query[..<(tokens * width)].map(Double.init), key[..<(tokens * keyWidth)].map(kept),
        value[..<(tokens * keyWidth)].map(kept), batchSize: 1, length: tokens, heads: heads,
        keyValueHeads: keyValueHeads, rule: rule)
    }
  }

  private func cache(
    _ windows: [Int?], contextLength: Int = 4_000, expectedLength: Int? = nil, rewind: Int = 16,
    precision: CachePrecision = .float32, on device: Device
  ) -> KeyValueCache {
    KeyValueCache(
      windows: windows, headCount: Self.keyValueHeads, headSize: Self.headSize, contextLength: contextLength,
      expectedLength: expectedLength, rewind: rewind, precision: precision, on: device)
  }

  /// The next `count` tokens of a text, in every layer; returns what each makes of them.
  @discardableResult
  private func read(
    _ count: Int, of text: Text, with rules: [AttentionRule], into cache: KeyValueCache, on device: Device
  ) -> [[Float]] {
    func tensor(_ all: [Float], _ columns: Int) -> Tensor {
      Tensor(
        Array(all[cache.length * columns..<(cache.length + count) * columns]), shape: [count, columns], on: device)
    }
    defer { cache.advance(by: count) }
    return rules.enumerated().map { layer, rule in
      tensor(text.query, Self.width)
        .cachedAttention(
          keys: tensor(text.key, Self.keyWidth), values: tensor(text.value, Self.keyWidth), caches: [cache],
          counts: [count], layer: layer, rule: rule
        ).array()
    }
  }

  static let windows = [1, 2, 31, 32, 33, 64, 100, 300, 1_000]

  /// However a text is cut, in pieces that are longer than the window and in single tokens, and with another layer that
  /// keeps everything.
  @Test(arguments: windows, CachePrecision.allCases)
  func howATextIsCutDoesNotMatter(window: Int, precision: CachePrecision) throws {
    let tokens = 420
    let text = Text(tokens: tokens, seed: UInt64(window))
    let rule = AttentionRule(headSize: Self.headSize, scale: 0.6, cap: 4, window: window)
    let rules = [AttentionRule(headSize: Self.headSize), rule]
    let expected = text.expected(tokens, rule: rule, precision: precision)
    for kind in MatrixBackendKind.available {
      let device = try Device(threads: 2, backend: kind)
      for seed in 0..<4 as Range<UInt64> {
        var generator = SeededGenerator(seed: seed)
        let cache = cache([nil, window], expectedLength: 3, precision: precision, on: device)
        var found: [Float] = []
        while cache.length < tokens {
          let longest = [1, 12, 90, 400].randomElement(using: &generator) ?? 1
          let count = Int.random(in: 1...min(longest, tokens - cache.length), using: &generator)
          found += read(count, of: text, with: rules, into: cache, on: device)[1]
        }
        #expect(relativeError(found, expected) < 1e-5, "\(kind), seed \(seed)")
      }
    }
  }

  /// Up to as many tokens as are asked for, at any time, and what follows is as if they had never been.
  @Test(arguments: windows, [0, 5, 40])
  func tokensAreTakenBack(window: Int, rewind: Int) {
    let device = Device(threads: 2)
    let tokens = 350
    let rule = AttentionRule(headSize: Self.headSize, window: window)
    let (text, other) = (Text(tokens: tokens, seed: 1), Text(tokens: tokens, seed: 2))
    let expected = text.expected(tokens, rule: rule, precision: .float32)
    var generator = SeededGenerator(seed: 3)
    let cache = cache([window, nil], rewind: rewind, on: device)
    let rules = [rule, AttentionRule(headSize: Self.headSize)]
    while cache.length < tokens {
      let before = cache.length
      let rejected = Int.random(in: 0...rewind, using: &generator)
      let count = min(tokens - before, Int.random(in: 1...40, using: &generator))
      if rejected > 0, before + rejected <= tokens {
        read(rejected, of: other, with: rules, into: cache, on: device)
        #expect(cache.canTruncate(to: before))
        cache.truncate(to: before)
      }
      let found = read(count, of: text, with: rules, into: cache, on: device)[0]
      let range = before * Self.width..<(before + count) * Self.width
      #expect(relativeError(found, Array(expected[range])) < 1e-5)
    }
  }

  /// Further back than it keeps, a cache says so; from nothing it begins again.
  @Test func whatIsGoneIsNotTruncatedTo() {
    let device = Device(threads: 1)
    let rules = [5, nil].map { AttentionRule(headSize: Self.headSize, window: $0) }
    let text = Text(tokens: 600, seed: 4)
    let cache = cache([5, nil], rewind: 3, on: device)
    read(500, of: text, with: rules, into: cache, on: device)
    #expect((497...500).allSatisfy { cache.canTruncate(to: $0) })
    #expect(!(1..<490).contains { cache.canTruncate(to: $0) } && !cache.canTruncate(to: 501))
    #expect(cache.canTruncate(to: 0))
    cache.truncate(to: 0)
    let again = read(30, of: text, with: rules, into: cache, on: device)
    #expect(relativeError(again[0], text.expected(30, rule: rules[0], precision: .float32)) < 1e-5)
    #expect((0...30).allSatisfy { cache.canTruncate(to: $0) })
  }

  /// Single tokens and long pieces of a long text: a window's keys and values, and a constant number more.
  @Test(arguments: CachePrecision.allCases) func memoryDoesNotGrowWithTheText(precision: CachePrecision) {
    let device = Device(threads: 1)
    let rules = [AttentionRule(headSize: Self.headSize, window: 100)]
    let text = Text(tokens: 3_000, seed: 5)
    let cache = cache([100], precision: precision, on: device)
    var peak = 0
    while cache.length < 3_000 {
      read(cache.length % 200 == 0 ? 140 : 1, of: text, with: rules, into: cache, on: device)
      #expect(cache.capacity <= 99 + 16 + 64)
      if cache.length == 400 { peak = device.peakBytes }
    }
    #expect(peak > 0 && device.peakBytes == peak)
  }

  /// A token's bits do not depend on when rows were moved, nor on the number of threads.
  @Test(arguments: MatrixBackendKind.available) func bitsDependOnTheTextAlone(kind: MatrixBackendKind) throws {
    let rules = [AttentionRule(headSize: Self.headSize, cap: 2, window: 40)]
    let (text, other) = (Text(tokens: 300, seed: 6), Text(tokens: 300, seed: 7))
    let runs = try [1, 2, 3, 8].flatMap { threads in
      let device = try Device(threads: threads, backend: kind)
      return [0, 1, 13].map { rejected -> [[Float]] in
        let cache = cache([40], expectedLength: 1 + rejected, on: device)
        return (0..<290).map { position in
          if rejected > 0, position % 7 == 3 {
            read(min(rejected, 300 - position), of: other, with: rules, into: cache, on: device)
            cache.truncate(to: position)
          }
          return read(1, of: text, with: rules, into: cache, on: device)[0]
        }
      }
    }
    #expect(runs.allSatisfy { $0 == runs[0] })
  }

  /// The window may be longer than the context, or than can be counted.
  @Test func aWindowBeyondTheContextIsNone() {
    let device = Device(threads: 1)
    let text = Text(tokens: 200, seed: 8)
    let plain = AttentionRule(headSize: Self.headSize)
    let rules = [200, 10_000, .max].map { AttentionRule(headSize: Self.headSize, window: $0) }
    let (windowed, whole) = (cache([200, 10_000, .max], on: device), cache([nil], contextLength: 200, on: device))
    for count in [1, 120, 1, 78] {
      let found = read(count, of: text, with: rules, into: windowed, on: device)
      let expected = read(count, of: text, with: [plain], into: whole, on: device)[0]
      #expect(found.allSatisfy { $0 == expected })
    }
    #expect(windowed.canTruncate(to: 1))
  }
}
