import LanguageModels
import TensorCore
import TestSupport
import Testing

@testable import TextGeneration

@Suite("Generation with windows of attention")
struct WindowedGenerationTests {
  private static let windows: [[Int?]] = [[6, nil], [1, 40, 9]]

  /// What continues a text according to passes over all of it.
  private func continuation(_ decoder: any DecoderModel, of tokens: [Int32], from start: Int) -> [Int32] {
    let frozen = decoder.frozen()
    let logits = frozen.logits(frozen.hiddenStates(tokens, batchSize: 1)).array()
    return (start - 1..<tokens.count - 1).map { row in
      Int32(RowKernels.argmax(Array(logits[row * 320..<(row + 1) * 320]).span))
    }
  }

  private func request(_ ids: [Int32], maximumTokens: Int) throws -> DecodingRequest {
    DecodingRequest(
      ids: ids, sampler: try Sampling.greedy.sampler(), generator: SeededGenerator(seed: 1),
      maximumTokens: maximumTokens)
  }

  private func ids(_ count: Int, seed: UInt64) -> [Int32] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Int32.random(in: 0..<320, using: &generator) }
  }

  /// For longer than a cache has room for: from a short start, and from one that is longer than all windows.
  @Test(
    "Each token is the most probable one of a pass over the whole text",
    arguments: windows, [nil, .fixed(3), .fixed(30), .adaptive] as [DraftLength?])
  func tokensAreThoseOfAWholePass(windows: [Int?], length: DraftLength?) throws {
    let decoder = tinyDecoder(contextLength: 400, windows: windows)
    let draft = tinyDecoder(contextLength: 400, seed: 2, windows: [3])
    for precision in CachePrecision.allCases {
      let session: any DecodingSession =
        if let length {
          SpeculativeDecodingSession(decoder, draft: draft, length: length, cachePrecision: precision, batchSize: 2)
        } else {
          PlainDecodingSession(decoder, cachePrecision: precision, batchSize: 2)
        }
      let starts = [ids(2, seed: 1), ids(150, seed: 2)]
      let found = try session.tokens(of: starts.map { try request($0, maximumTokens: 180) })
      for (start, found) in zip(starts, found) {
        #expect(found.count == 180)
        let all = start + found.map(\.id)
        let expected = continuation(decoder, of: all, from: start.count)
        // float16 moves choices that all but tie
        let same = zip(expected, all[start.count...]).count { $0 == $1 }
        #expect(precision == .float32 ? same == 180 : same > 160)
      }
    }
  }

  @Test("Caches that no longer have what a new text needs are filled again", arguments: [false, true])
  func cachesAreFilledAgain(hasDraft: Bool) throws {
    let decoder = tinyDecoder(contextLength: 400, windows: [6, nil])
    let draft = hasDraft ? tinyDecoder(contextLength: 400, seed: 2, windows: [6]) : nil
    let generator = try Generator(decoder, Trained.lossless, draft: draft)
    let caches = generator.makeCaches()
    func run(_ ids: [Int32]) throws -> [Int32] {
      let session = generator.makeSession(batchSize: 1)
      _ = try session.submit(try request(ids, maximumTokens: 20), caches: caches)
      var found: [Int32] = []
      while session.sequenceCount > 0 { found += try session.nextTokens().map(\.id) }
      #expect(found == continuation(decoder, of: ids + found, from: ids.count))
      return found
    }
    let start = ids(200, seed: 3)
    let all = start + (try run(start))
    // as it went on, and somewhat before
    #expect(caches.keptTokens(of: all + [5]) == all.count - 1)
    #expect(caches.keptTokens(of: all.dropLast(8) + [5, 6]) == all.count - 8)
    // from far back
    let other = Array(start[..<90]) + ids(50, seed: 4)
    #expect(caches.keptTokens(of: other) == 0)
    _ = try run(other)
    #expect(caches.keptTokens(of: other + [5]) == other.count)
    _ = try run(other + [5, 6, 7])
  }
}
