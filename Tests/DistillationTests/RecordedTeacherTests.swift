import DurableFiles
import Foundation
import LanguageModels
import ModelFiles
import ModelTraining
import TensorCore
import TestSupport
import Testing
import Tokenization

@testable import Distillation

/// Teachers that ran elsewhere, against what PyTorch and numpy make of the same logits.
@Suite struct RecordedTeacherTests {
  private struct Expected: Decodable {
    struct Numbers: Decodable {
      let divergence: Double
      let crossEntropy: Double
      let belowFloor: Double?
      let tokens: Int
    }
    struct Document: Decodable, Equatable {
      let prompt: [Int32]
      let completion: [Int32]
    }
    let kld: [String: Numbers]
    let logprobs: [String: Numbers]
    let documents: [Document]
  }

  let folder = ModelFixture.root.appendingPathComponent("recorded")
  let tokenizer: any Tokenizer
  private let expected: Expected
  let text: String

  init() throws {
    tokenizer = try loadTokenizer(from: folder)
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    expected = try decoder.decode(
      Expected.self, from: Data(contentsOf: folder.appendingPathComponent("expected.json")))
    text = try String(contentsOf: folder.appendingPathComponent("text.txt"), encoding: .utf8)
  }

  private func kld(_ name: String = "text") throws -> KLDivergenceFile {
    try KLDivergenceFile(
      contentsOf: folder.appendingPathComponent("\(name).kld"), tokenizer: tokenizer, text: text, textName: "text.txt")
  }

  func responses(_ name: String) throws -> LogProbabilityFile {
    try LogProbabilityFile(contentsOf: folder.appendingPathComponent("\(name).jsonl"), tokenizer: tokenizer)
  }

  func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("limbeck-recorded-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }

  /// The mean divergence of the fixture's student from a cache, and the number of tokens.
  private func divergence(
    _ teacher: any RecordedTeacher, _ method: TeacherCacheMethod, sequenceLength: Int? = nil
  ) throws -> (value: Double, tokens: Int) {
    try withFolder { folder in
      let importer = try TeacherCacheImporter(
        teacher, tokenizer: tokenizer, method: method, sequenceLength: sequenceLength)
      let url = folder.appendingPathComponent("cache")
      #expect(try importer.record(into: TeacherCacheFolder(creating: url, importer.description)))
      let cache = try TeacherCache(contentsOf: url)
      let own = try #require(try TeacherCacheFolder(contentsOf: url).ownText(tokenizer))
      let text = try PackedSequences(
        own, sequenceLength: cache.description.sequenceLength, packing: cache.description.packing, name: "text")
      #expect(text.digest() == cache.description.tokens && text.count == cache.description.sequenceCount)
      let objective = try CachedTeacherObjective(
        DistillationObjective(.forwardKL, temperature: 1, hardLabelWeight: 0), cache, validation: cache)
      let student = try TransformerDecoder(
        contentsOf: ModelFixture.root.appendingPathComponent("distillation/student"))
      let sums = objective.measure(
        student, on: text.batch(Array(0..<text.count)), at: .only)
      return (sums.loss / Double(sums.tokens), sums.tokens)
    }
  }

  @Test(arguments: ["text", "sharp"]) func divergencesFromKLDFilesAreTheTeachers(name: String) throws {
    let (file, expected) = (try kld(name), try #require(expected.kld[name]))
    let found = try divergence(file, .dense16)
    #expect(found.tokens == expected.tokens)
    // log p is off by half a step of 16/65,535 in the file, and of 2⁻¹¹ in the cache
    #expect(abs(found.value - expected.divergence) < 4e-4, "\(found.value), \(expected.divergence)")
    if name == "text" {
      #expect(abs(try #require(file.crossEntropy) - expected.crossEntropy) < 2e-4)
    }
    #expect(abs(try file.massAtFloor() - (expected.belowFloor ?? 0)) < 2e-5)
  }

  /// The mass at the floor is what the others leave, in equal parts, and no token has more than the floor.
  @Test func tokensAtTheFloorShareWhatIsLeft() throws {
    let file = try kld("sharp")
    var (row, floored) = ([Float](repeating: 0, count: 61), 0)
    for document in 0..<file.chunkCount {
      for place in 9..<16 {
        _ = try file.readLogProbabilities(document: document, place: place, into: &row)
        let largest = try #require(row.max())
        #expect(abs(row.reduce(0) { $0 + exp(Double($1)) } - 1) < 2e-3)
        let low = row.filter { $0 < largest - 15.999 }
        #expect(Set(low).count <= 1)
        floored += low.count
      }
    }
    #expect(floored > 100)
  }

  @Test(arguments: ["completions", "echo", "prompt_logprobs", "chat", "native"])
  func everyFormOfResponseIsTheSameTeacher(name: String) throws {
    let (file, expected) = (try responses(name), try #require(expected.logprobs[name]))
    #expect(file.documents.map(\.ids) == self.expected.documents.map { $0.prompt + $0.completion })
    #expect(file.listed.lowerBound == 5)
    #expect(abs(try #require(file.crossEntropy) - expected.crossEntropy) < 1e-5)
    // in sequences of one document, and of several
    for length in [nil, 64] {
      let found = try divergence(file, .topKTail(5), sequenceLength: length)
      #expect(found.tokens == expected.tokens)
      #expect(abs(found.value - expected.divergence) < 4e-4, "\(found.value), \(expected.divergence)")
    }
  }

  /// Responses of a line or several, read.
  private func read(_ lines: String..., vocabularySize: Int? = nil) throws -> LogProbabilityFile {
    try withFolder { folder in
      let url = folder.appendingPathComponent("made.jsonl")
      try lines.joined(separator: "\n").write(to: url, atomically: false, encoding: .utf8)
      return try LogProbabilityFile(contentsOf: url, tokenizer: tokenizer, vocabularySize: vocabularySize)
    }
  }

  /// A completion by one token, `chosen`, with what is listed beside it.
  private func completion(_ chosen: Int, _ logProbability: Double, top: String, prompt: String = "[1, 7]") -> String {
    "{\"prompt\": \(prompt), \"choices\": [{\"logprobs\": {\"tokens\": [\"token_id:\(chosen)\"], "
      + "\"token_logprobs\": [\(logProbability)], \"top_logprobs\": [\(top)]}}]}"
  }

  /// What is written can be read: the text's ids are the tokenizer's, and those of a list the model's.
  @Test func idsOfTheTextAreTheTokenizers() throws {
    let size = tokenizer.vocabularySize
    let beyond = "{\"token_id:8\": -1, \"token_id:\(size)\": -2}"
    let file = try read(completion(7, -1.5, top: beyond), vocabularySize: size + 3)
    let found = try divergence(file, .topKTail(2))
    #expect(found.tokens == 1 && found.value.isFinite)
    for line in [
      completion(size, -1.5, top: beyond), completion(7, -1.5, top: beyond, prompt: "[1, \(size)]"),
      "{\"prompt\": [1], \"completion_probabilities\": [{\"id\": \(size), \"logprob\": -1, \"top_logprobs\": "
        + "[{\"id\": 3, \"logprob\": -1}]}]}",
    ] {
      let error = #expect(throws: TeacherCacheError.self) { try read(line, vocabularySize: size + 3) }
      #expect(error.map { "\($0)".contains("expected a token id from 0 to \(size - 1), found") } == true)
    }
  }

  /// A token that was chosen from beyond the server's list is not the next most likely one.
  @Test func whatTheServerListedAreTheMostLikelyTokens() throws {
    let top = "{\"token_id:8\": -0.5, \"token_id:9\": -2}"
    #expect(try read(completion(7, -6, top: top)).listed == 2...2)
    #expect(try read(completion(9, -2, top: top), completion(7, -6, top: top)).listed == 2...2)
    let chat =
      "{\"prompt\": [1], \"completion_probabilities\": [{\"id\": 7, \"logprob\": -6, \"top_logprobs\": "
      + "[{\"id\": 8, \"logprob\": -0.5}]}]}"
    #expect(try read(chat).listed == 1...1)
    let nothingElse = "null"
    func prompt(
      rank: Int, completion: String = "{\"tokens\": [], \"token_logprobs\": [], \"top_logprobs\": []}"
    ) -> String {
      "{\"prompt\": [1, 7], \"prompt_logprobs\": [null, {\"7\": {\"logprob\": -6, \"rank\": \(rank)}, "
        + "\"8\": {\"logprob\": -0.5, \"rank\": 1}, \"9\": {\"logprob\": -2, \"rank\": 2}}], "
        + "\"choices\": [{\"logprobs\": \(completion)}]}"
    }
    #expect(try read(prompt(rank: 30)).listed == 2...2)
    // vLLM may be asked about the prompt alone
    #expect(try read(prompt(rank: 30, completion: nothingElse)).listed == 2...2)
    #expect(try read(prompt(rank: 3)).listed == 3...3)
    let error = #expect(throws: TeacherCacheError.self) { try read(completion(7, -6, top: "{}")) }
    #expect(error.map { "\($0)".contains("expected the most likely tokens, found none") } == true)
    #expect(try read(completion(7, -6, top: top)).listedCount == 2 && kld().listedCount == nil)
  }

  /// A begun cache that differs in the digest of its text alone, as damage leaves it, is not gone on with.
  @Test func aCacheOfAnotherTextIsNotContinued() throws {
    try withFolder { folder in
      let importer = try TeacherCacheImporter(responses("echo"), tokenizer: tokenizer, method: .topKTail(3))
      let url = folder.appendingPathComponent("cache")
      _ = try TeacherCacheFolder(creating: url, importer.description)
      let file = url.appendingPathComponent("cache.json")
      let text = try #require(importer.description.text)
      let other = String(repeating: "0", count: text.count)
      try String(contentsOf: file, encoding: .utf8).replacing(text, with: other).write(
        to: file, atomically: false, encoding: .utf8)
      let error = #expect(throws: TeacherCacheError.self) {
        try importer.record(into: TeacherCacheFolder(resuming: url, importer.description))
      }
      let sentence = error.map { "\($0)" } ?? ""
      #expect(sentence.contains("text digest: expected \(text)") && sentence.contains("found \(other)"), "\(sentence)")
    }
  }

  @Test func methodsAreThoseThatTheFileIsEnoughFor() throws {
    let file = try responses("echo")
    for (method, temperature, text) in [
      (TeacherCacheMethod.sampled(draws: 5), Float(1), "method: expected top-k-tail or top-k"),
      (.dense16, 1, "method: expected top-k-tail"), (.topK(5), 2, "temperature: expected 1"),
      (.topKTail(6), 1, "k: expected at most 5, the fewest"), (.topKTail(0), 1, "k: expected from 1"),
    ] {
      let error = #expect(throws: TeacherCacheError.self) {
        try TeacherCacheImporter(file, tokenizer: tokenizer, method: method, temperature: temperature)
      }
      #expect(error.map { "\($0)".contains(text) } == true, "\(String(describing: error))")
    }
    let short = #expect(throws: TeacherCacheError.self) {
      try TeacherCacheImporter(file, tokenizer: tokenizer, method: .topK(5), sequenceLength: 15)
    }
    #expect(short.map { "\($0)".contains("sequence-length: expected at least 21, the longest text") } == true)
  }
}
