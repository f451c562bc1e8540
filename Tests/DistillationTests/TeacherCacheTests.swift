import Diagnostics
import DurableFiles
import Foundation
import TestSupport
import Testing

@testable import Distillation

/// The files of a cache: rows as bits, files, the folder.
@Suite struct TeacherCacheTests {
  private static let vocabularySize = 300

  private func description(
    _ method: TeacherCacheMethod, sequenceCount: Int = 5, sequenceLength: Int = 3, seed: UInt64 = 1,
    temperature: Float = 1, teacher: String = "t", precision: String = "float32", tokenizer: String = "k",
    tokens: String = "x", vocabularySize: Int = vocabularySize
  ) -> TeacherCacheDescription {
    TeacherCacheDescription(
      method: method, seed: seed, temperature: temperature, teacher: teacher, teacherPrecision: precision,
      tokenizer: tokenizer, tokens: tokens, vocabularySize: vocabularySize, sequenceLength: sequenceLength,
      sequenceCount: sequenceCount)
  }

  /// Rows of a method, different ones for each sequence.
  private func rows(_ method: TeacherCacheMethod, sequence: Int, count: Int) -> [TeacherCacheRow] {
    (0..<count).map { row in
      let first = Int32(17 * sequence + row)
      switch method {
      case .topK(let k), .topKTail(let k):
        let ids = (0..<Int32(k)).map { first + 3 * $0 }
        let rest = method.name == "top-k" ? nil : UInt16(65_535 - row)
        return .largest(ids: ids, codes: ids.map { UInt16(truncatingIfNeeded: $0 &* 4_111) }, rest: rest)
      case .sampled(let draws):
        let many = Int32(draws - 3)
        return .drawn(ids: [0, first + 1, 299], counts: [many, 2, 1], entropy: UInt16(row * 1_000))
      case .dense16:
        return .dense((0..<Self.vocabularySize).map { UInt16(truncatingIfNeeded: $0 &* (7 + sequence + row)) })
      case .hidden: preconditionFailure("hidden states are no rows")
      }
    }
  }

  private func makeCache(
    _ method: TeacherCacheMethod, in url: URL, counts: [Int] = [3, 0, 2, 3, 1]
  ) throws -> TeacherCacheFolder {
    let folder = try TeacherCacheFolder(creating: url, description(method))
    for file in try folder.unfinishedFiles() {
      let sequences = folder.description.sequences(ofFile: file)
      try folder.write(file: file, rows: sequences.map { rows(method, sequence: $0, count: counts[$0]) })
    }
    return folder
  }

  private func withURL(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("limbeck-cache-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder.appendingPathComponent("text.logits"))
  }

  private func file(_ index: Int, of url: URL) -> URL { url.appendingPathComponent("shard-00000\(index).rows") }

  @Test(arguments: [TeacherCacheMethod.topK(7), .topKTail(1), .sampled(draws: 50), .sampled(draws: 65_535), .dense16])
  func rowsComeBackAsTheyWere(_ method: TeacherCacheMethod) throws {
    try withURL { url in
      let counts = [3, 0, 2, 3, 1]
      _ = try makeCache(method, in: url, counts: counts)
      let cache = try TeacherCache(contentsOf: url)
      #expect(cache.method == method && cache.description == description(method))
      for (sequence, count) in counts.enumerated() {
        let expected = rows(method, sequence: sequence, count: count)
        if method.isSparse {
          #expect(cache.rows(ofSequence: sequence, count: count) == expected)
        } else {
          for (place, row) in expected.enumerated() {
            let codes = cache.withCodes(ofSequence: sequence, row: place) { codes in codes.indices.map { codes[$0] } }
            #expect(TeacherCacheRow.dense(codes) == row)
          }
        }
      }
    }
  }

  /// An id of the k largest takes ⌈log₂ V⌉ bits; those of drawn tokens take a few less, for they are stored as gaps.
  @Test func idsTakeAsFewBitsAsTheVocabularyNeeds() throws {
    func bytes(_ method: TeacherCacheMethod, _ row: TeacherCacheRow) throws -> Int {
      var count = 0
      try withURL { url in
        let description = description(method, sequenceCount: 1, vocabularySize: 32_000)
        let folder = try TeacherCacheFolder(creating: url, description)
        try folder.write(file: 0, rows: [Array(repeating: row, count: 8)])
        let cache = try TeacherCache(contentsOf: url)
        #expect(cache.rows(ofSequence: 0, count: 8) == Array(repeating: row, count: 8))
        // less the header and the table of one sequence
        count = cache.byteCount - 160 - 16
      }
      return count
    }
    let ids = (0..<16).map { 1_999 * Int32($0 + 1) }
    let codes = [UInt16](repeating: 7, count: 16)
    #expect(try bytes(.topK(16), .largest(ids: ids, codes: codes, rest: nil)) == 16 * (15 + 16))
    #expect(try bytes(.topKTail(16), .largest(ids: ids, codes: codes, rest: 9)) == 16 * (15 + 16) + 16)
    // gaps of 1,998: the lowest 10 bits, and 1 in unary; a bit for each count of 1
    let drawn = TeacherCacheRow.drawn(ids: ids, counts: Array(repeating: 1, count: 16), entropy: 5)
    #expect(try bytes(.sampled(draws: 16), drawn) == 16 + 5 + 16 * (10 + 2 + 1))
    // a single gap that is the whole vocabulary, and all draws the same
    let last = TeacherCacheRow.drawn(ids: [31_999], counts: [50], entropy: 0)
    #expect(try bytes(.sampled(draws: 50), last) == 16 + 5 + 11 + 14 + 2)
  }

  @Test func filesAreBoundedInTokensAndBytes() {
    for (method, length, expected) in [
      (TeacherCacheMethod.sampled(draws: 50), 256, 128), (.sampled(draws: 50), 100_000, 1), (.dense16, 256, 2),
    ] {
      let description = description(method, sequenceCount: 1_000, sequenceLength: length, vocabularySize: 32_000)
      #expect(description.sequencesPerFile == expected)
      #expect(description.fileCount == (1_000 + expected - 1) / expected)
      let all = (0..<description.fileCount).flatMap { Array(description.sequences(ofFile: $0)) }
      #expect(all == Array(0..<1_000))
    }
  }

  @Test func aShardThatIsCutShortAnywhereIsDetectedAndMadeAgain() throws {
    try withURL { url in
      let folder = try makeCache(.sampled(draws: 50), in: url)
      let file = file(0, of: url)
      let whole = try Data(contentsOf: file)
      for count in 0..<whole.count {
        try whole.prefix(count).write(to: file)
        let error = #expect(throws: TeacherCacheError.self) { try TeacherCache(contentsOf: url) }
        let text = try #require(error).description
        #expect(text.contains(file.path) && text.contains("cut short"), "\(count) bytes: \(text)")
        #expect(try folder.unfinishedFiles() == [0])
      }
      let sequences = folder.description.sequences(ofFile: 0)
      let counts = [3, 0, 2, 3, 1]
      try folder.write(
        file: 0, rows: sequences.map { rows(.sampled(draws: 50), sequence: $0, count: counts[$0]) })
      #expect(try Data(contentsOf: file) == whole)
      #expect(try folder.unfinishedFiles().isEmpty)
    }
  }

  @Test func alteredBytesAreDetected() throws {
    try withURL { url in
      _ = try makeCache(.topK(7), in: url)
      let file = file(0, of: url)
      let whole = try Data(contentsOf: file)
      for place in whole.indices {
        var altered = whole
        altered[place] ^= 0x10
        try altered.write(to: file)
        #expect(throws: TeacherCacheError.self, "byte \(place)") { try TeacherCache(contentsOf: url) }
      }
      try (whole + [0]).write(to: file)
      #expect(throws: TeacherCacheError.self) { try TeacherCache(contentsOf: url) }
    }
  }

  @Test func aShardOfAnotherCacheIsRefused() throws {
    try withURL { url in
      _ = try makeCache(.topK(7), in: url)
      try withURL { other in
        let folder = try TeacherCacheFolder(creating: other, description(.topK(7), tokens: "y"))
        try FileManager.default.copyItem(at: file(0, of: url), to: file(0, of: other))
        let error = #expect(throws: TeacherCacheError.self) { try TeacherCache(contentsOf: other) }
        #expect(try #require(error).description.contains("another cache"))
        #expect(try folder.unfinishedFiles() == [0])
      }
    }
  }

  @Test func anUnfinishedCacheSaysHowFarItIs() throws {
    try withURL { url in
      _ = try TeacherCacheFolder(creating: url, description(.dense16, sequenceCount: 100_000))
      let error = #expect(throws: TeacherCacheError.self) { try TeacherCache(contentsOf: url) }
      let text = try #require(error).description
      #expect(text.contains("only 0 of ") && text.contains("--resume"))
    }
  }

  @Test func whatIsNoCacheSaysSo() throws {
    try withURL { url in
      let missing = #expect(throws: TeacherCacheError.self) { try TeacherCache(contentsOf: url) }
      #expect(try #require(missing).description.contains("is no cache"))
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
      for json in ["", "{}", "{\"method\": \"top-k\"}"] {
        try Data(json.utf8).write(to: url.appendingPathComponent("cache.json"))
        let error = #expect(throws: TeacherCacheError.self) { try TeacherCache(contentsOf: url) }
        #expect(try #require(error).description.contains("cache.json: "))
      }
    }
  }

  @Test func aCacheThatIsBeingWrittenIsNotOpenedForWritingAgain() throws {
    try withURL { url in
      let begun = description(.dense16)
      _ = try TeacherCacheFolder(
        creating: url, begun, tokenizerFiles: [NamedFile(name: "tokenizer.model", contents: Data([7]))])
      #expect(try Data(contentsOf: url.appendingPathComponent("tokenizer.model")) == Data([7]))
      let lock = try FileLock(folder: url)
      let error = #expect(throws: TeacherCacheError.self) { try TeacherCacheFolder(resuming: url, begun) }
      #expect(try #require(error).description.contains("is being written by process "))
      #expect(try TeacherCacheFolder(contentsOf: url).description == begun)
      // what is being written is not even read
      try Data("{".utf8).write(to: url.appendingPathComponent("cache.json"))
      let unread = #expect(throws: TeacherCacheError.self) { try TeacherCacheFolder(resuming: url, begun) }
      #expect(try #require(unread).description.contains("is being written by process "))
      withExtendedLifetime(lock) {}
    }
  }

  @Test func resumingWithAnythingElseSaysWhat() throws {
    try withURL { url in
      let begun = description(.sampled(draws: 50))
      _ = try TeacherCacheFolder(creating: url, begun)
      let held = try TeacherCacheFolder(resuming: url, begun)
      #expect(held.description == begun)
      let second = #expect(throws: TeacherCacheError.self) { try TeacherCacheFolder(resuming: url, begun) }
      #expect(try #require(second).description.contains("is being written by process "))
      withExtendedLifetime(held) {}
    }
    try withURL { url in
      let begun = description(.sampled(draws: 50))
      _ = try TeacherCacheFolder(creating: url, begun)
      #expect(!FileManager.default.fileExists(atPath: url.appendingPathComponent(".lock").path))
      for (key, other) in [
        ("method", description(.sampled(draws: 51))), ("method", description(.dense16)),
        ("temperature", description(.sampled(draws: 50), temperature: 2)),
        ("teacher digest", description(.sampled(draws: 50), teacher: "other")),
        ("teacher precision", description(.sampled(draws: 50), precision: "bf16")),
        ("tokenizer digest", description(.sampled(draws: 50), tokenizer: "other")),
        ("token digest", description(.sampled(draws: 50), tokens: "other")),
        ("sequence length", description(.sampled(draws: 50), sequenceLength: 4)),
        ("vocabulary size", description(.sampled(draws: 50), vocabularySize: 301)),
        ("seed", description(.sampled(draws: 50), seed: 2)),
      ] {
        let error = #expect(throws: TeacherCacheError.self) { try TeacherCacheFolder(resuming: url, other) }
        guard case .value(let value) = error else {
          Issue.record("\(String(describing: error))")
          continue
        }
        #expect(value.key == key)
      }
      let exists = #expect(throws: TeacherCacheError.self) { try TeacherCacheFolder(creating: url, begun) }
      #expect(try #require(exists).description.contains("will not be overwritten"))
    }
  }
}
