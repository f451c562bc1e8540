import TensorCore
import TestSupport
import Testing

@testable import LanguageModels

/// Caches, and rotations that depend on how long a sequence becomes: more than 6 tokens, with these decoders.
@Suite("Lengths of sequences") struct SequenceLengthTests {
  private static let original = 6

  private func decoder() -> FrozenDecoder {
    ArithmeticTests.decoder(ArithmeticTests.configuration, on: Device(threads: 2)).frozen()
  }

  /// The states of tokens of one sequence of `finalLength`.
  private func expected(_ decoder: FrozenDecoder, _ ids: [Int32], finalLength: Int) -> [Double] {
    DoubleDecoder(decoder).hiddenStates(ids, lengths: [ids.count], finalLengths: [finalLength])
  }

  /// Feeds a cache so many tokens at a time.
  private func states(_ decoder: FrozenDecoder, _ ids: [Int32], parts: [Int], _ cache: KeyValueCache) -> [Float] {
    var (start, states) = (0, [Float]())
    for part in parts {
      states += decoder.hiddenStates(Array(ids[start..<start + part]), counts: [part], caches: [cache]).array()
      start += part
    }
    return states
  }

  @Test(
    "A cache gives the states of the whole sequence, of the length that it expects",
    arguments: [[14], [3, 4, 7], [1, 1, 1, 1, 1, 1, 1, 1, 5, 1], [5, 9]], [14, 20, 10_000])
  func expectedLength(parts: [Int], expectedLength: Int) {
    let decoder = decoder()
    let ids = ArithmeticTests.ids(14)
    let found = states(decoder, ids, parts: parts, decoder.makeCache(expectedLength: expectedLength))
    #expect(relativeError(found, expected(decoder, ids, finalLength: 14)) < 1e-5)
  }

  @Test("Sequences that stay short are those of short ones, whatever their neighbours are")
  func neighbours() {
    let decoder = decoder()
    let (one, other) = (ArithmeticTests.ids(14), Array(ArithmeticTests.ids(20)[15...]))
    let caches = [decoder.makeCache(expectedLength: 14), decoder.makeCache(expectedLength: 6)]
    let first = decoder.hiddenStates(Array(one[..<10] + other[..<3]), counts: [10, 3], caches: caches).array()
    let last = decoder.hiddenStates(Array(one[10...] + other[3...]), counts: [4, 2], caches: caches).array()
    #expect(
      relativeError(Array(first[..<100] + last[..<40]), expected(decoder, one, finalLength: 14)) < 1e-5)
    #expect(relativeError(Array(first[100...] + last[40...]), expected(decoder, other, finalLength: 5)) < 1e-5)
    let together = decoder.hiddenStates(one + other, lengths: [14, 5]).array()
    #expect(relativeError(Array(together[..<140]), expected(decoder, one, finalLength: 14)) < 1e-5)
    #expect(relativeError(Array(together[140...]), expected(decoder, other, finalLength: 5)) < 1e-5)
  }

  @Test("A cache that takes in more than was expected is computed again, once", arguments: [nil, 4])
  func growing(expectedLength: Int?) {
    let decoder = decoder()
    let ids = ArithmeticTests.ids(14)
    let cache = decoder.makeCache(expectedLength: expectedLength)
    let short = states(decoder, ids, parts: [3, 1, 2], cache)
    #expect(relativeError(short, expected(decoder, Array(ids[..<6]), finalLength: 6)) < 1e-5)
    let long = states(decoder, Array(ids[6...]), parts: [1, 4, 3], cache)
    let whole = expected(decoder, ids, finalLength: 14)
    #expect(relativeError(long, Array(whole[60...])) < 1e-5)
    #expect(cache.length == 14)
    // and back
    cache.truncate(to: 4)
    let again = states(decoder, Array(ids[4...]), parts: [2], cache)
    #expect(relativeError(again, Array(short[40..<60]).map(Double.init)) < 1e-5)
  }

  @Test("A cache that is used for another length is computed again for it") func anotherLength() {
    let decoder = decoder()
    let ids = ArithmeticTests.ids(14)
    let cache = decoder.makeCache(expectedLength: 6)
    _ = states(decoder, ids, parts: [5], cache)
    cache.expectedLength = 14
    let found = states(decoder, Array(ids[5...]), parts: [1], cache)
    #expect(relativeError(found, Array(expected(decoder, Array(ids[..<6]), finalLength: 14)[50...])) < 1e-5)
  }

  @Test("A context that is no longer than the original one has short sequences alone") func shortContext() {
    var configuration = ArithmeticTests.configuration
    configuration.contextLength = Self.original
    let decoder = ArithmeticTests.decoder(configuration, on: Device(threads: 1)).frozen()
    let ids = ArithmeticTests.ids(6)
    let found = states(decoder, ids, parts: [4, 2], decoder.makeCache(expectedLength: 100))
    #expect(relativeError(found, expected(decoder, ids, finalLength: 6)) < 1e-5)
    #expect(!decoder.stack.rotary.dependOnLength)
  }

  /// What a table would take for all positions would be seen in memory.
  @Test("Tables are as long as the longest sequence") func longContexts() throws {
    var configuration = ArithmeticTests.configuration
    configuration.contextLength = DecoderConfiguration.contextLimit
    try configuration.check()
    let decoder = ArithmeticTests.decoder(configuration, on: Device(threads: 1)).frozen()
    _ = decoder.hiddenStates(ArithmeticTests.ids(300), batchSize: 1)
    #expect(decoder.device.peakBytes < 4 << 20)
  }
}
