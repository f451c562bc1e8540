import DurableFiles
import Foundation
import LanguageModels
import ModelFiles
import TensorCore
import TestSupport
import Testing
import Tokenization

@testable import TextGeneration

@Suite("Completions")
struct CompletionTests {
  private let folder: TemporaryFolder
  private let generator: Generator
  private let prompts: PromptFile

  init() throws {
    folder = try TemporaryFolder()
    generator = try Generator(tinyDecoder(eosTokenIDs: [9, 60, 61]), Trained.lossless)
    let lines = """
      {"question": "The cats", "answer": "#### 12", "id": 1, "weight": 0.5}

      {"answer": "#### 3", "question": "a red ball"}
      {"question": "", "answer": "####  4 "}
      """
    prompts = try PromptFile(
      contentsOf: folder.write(lines, to: "prompts.jsonl"), field: "question")
  }

  private func run(_ settings: CompletionSettings, with generator: Generator? = nil) throws -> CompletionRun {
    try CompletionRun(generator ?? self.generator, prompts, settings)
  }

  private func bytes(_ name: String) throws -> Data { try Data(contentsOf: folder.file(name)) }

  @discardableResult
  private func write(
    _ settings: CompletionSettings, to name: String, batchSize: Int = 4, with generator: Generator? = nil
  ) throws -> Data {
    let run = try run(settings, with: generator)
    try run.write(to: CompletionFile(creating: folder.file(name), inputs: run.inputs), batchSize: batchSize)
    return try bytes(name)
  }

  @Test("Every line has the prompt, the completion, its log-probability, and what the prompt's line had")
  func lines() throws {
    let settings = CompletionSettings(samples: 2, maxTokens: 12, seed: 3, includesTokens: true)
    let lines = try write(settings, to: "out.jsonl").split(separator: 0x0A)
    #expect(lines.count == 6)
    for (index, line) in lines.enumerated() {
      let object = try #require(try JSONSerialization.jsonObject(with: line) as? [String: Any])
      let record = prompts.records[index / 2]
      #expect(object["prompt"] as? String == record.prompt)
      #expect(object["sample"] as? Int == index % 2)
      let ids = try #require(object["token_ids"] as? [Int32])
      #expect(object["tokens"] as? Int == ids.count)
      #expect(object["completion"] as? String == Trained.lossless.decode(ids))
      let logProbabilities = try #require(object["token_log_probabilities"] as? [Double])
      let sum = try #require(object["log_probability"] as? Double)
      #expect(abs(sum - logProbabilities.reduce(0, +)) < 1e-5)
      #expect(abs(sum / Double(ids.count) - (object["mean_log_probability"] as? Double ?? .nan)) < 1e-5)
      let reason = try #require(object["stop_reason"] as? String)
      #expect(reason == (ids.count == 12 ? "max_tokens" : "end_of_text"))
      let fields = try #require(object["record"] as? [String: Any])
      #expect(fields["answer"] as? String == ["#### 12", "#### 3", "####  4 "][index / 2])
    }
    #expect(prompts.records[0].fields["weight"] == .number(0.5) && prompts.records[0].fields["id"] == .integer(1))
  }

  @Test("What is trained on are the ids that were generated, and nothing else counts", arguments: 0..<4)
  func trainingText(_ kind: Int) throws {
    let tokenizer = [Trained.lossless, Trained.withPrefix, Trained.removingSpaces, Trained.removingSpacesUnigram][kind]
    let settings = CompletionSettings(samples: 3, maxTokens: 12, stop: ["e"], seed: 3)
    let generator = try Generator(tinyDecoder(eosTokenIDs: [9, 60, 61]), tokenizer)
    let lines = try write(settings, to: "out.jsonl", with: generator).split(separator: 0x0A)
    let file = try TokenFile.open(
      for: Corpus(paths: [folder.file("out.jsonl").path]), tokenizer: tokenizer, in: folder.file("tokens"))
    var position = 0
    for line in lines {
      let object = try #require(try JSONSerialization.jsonObject(with: line) as? [String: Any])
      let prompt = tokenizer.encode(prompts: [try #require(object["prompt"] as? String)])[0]
      let completion = try #require(object["token_ids"] as? [Int32])
      #expect(prompt.dropFirst() == (try #require(object["prompt_token_ids"] as? [Int32]))[...])
      let expected = prompt.map { ($0, false) } + completion.map { ($0, true) }
      for (id, counts) in expected {
        #expect(file[position] == id && file.countsInLoss(position) == counts)
        position += 1
      }
    }
    #expect(position == file.count)
  }

  @Test("Ids beside a text that was edited, or of another tokenizer, are not used; what was cut off has no EOS")
  func editedText() throws {
    let tokenizer = Trained.lossless
    let settings = CompletionSettings(maxTokens: 12, seed: 3)
    let line = String(decoding: try write(settings, to: "out.jsonl").split(separator: 0x0A)[0], as: UTF8.self)
    var object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    object["completion"] = " a dog"
    for (reason, end) in [("max_tokens", []), ("end_of_text", [tokenizer.eosID])] as [(String, [Int32?])] {
      object["stop_reason"] = reason
      let file = try folder.write(JSONSerialization.data(withJSONObject: object), to: "\(reason).jsonl")
      let tokens = try TokenFile.open(for: Corpus(paths: [file.path]), tokenizer: tokenizer, in: folder.file("tokens"))
      let ids = tokenizer.encode(prompts: ["The cats"])[0] + tokenizer.encode(" a dog") + end.compactMap(\.self)
      #expect(tokens.ids(0..<tokens.count) == ids)
    }
    let other = Trained.withPrefix
    let tokens = try TokenFile.open(
      for: Corpus(paths: [folder.file("out.jsonl").path]), tokenizer: other, in: folder.file("tokens"))
    let text = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    let completion = try #require(text["completion"] as? String)
    #expect(
      tokens.ids(0..<tokens.count).starts(
        with: [1] + other.encode(prompt: "The cats".utf8, completion: completion.utf8).prompt))
  }

  @Test("Prompts are read from rows of every kind; a compressed file is refused")
  func promptFiles() throws {
    let rows = [#"{"prompt": "a b"}"#, #"{"prompt": "c"}"#]
    for (name, text) in [
      ("x.jsonl", rows.joined(separator: "\n")), ("x.ndjson", rows.joined(separator: "\n")),
      ("x.json", "[\(rows.joined(separator: ",\n"))]"), ("y.json", rows.joined(separator: "\n")),
      ("x.txt", "a b\n\nc\n"),
    ] {
      let file = try PromptFile(contentsOf: folder.write("\u{FEFF}" + text, to: name))
      #expect(file.records.map(\.prompt) == ["a b", "c"], "\(name)")
    }
    #expect {
      try PromptFile(contentsOf: folder.write([0x1F, 0x8B, 8, 0], to: "prompts.txt"))
    } throws: {
      "\($0)".contains("compressed with gzip; decompress it first")
    }
  }

  @Test("The file does not depend on the batch size; more samples add to it, and the seed decides")
  func repeatable() throws {
    let settings = CompletionSettings(samples: 5, sampling: .topK(40), maxTokens: 12, seed: 3, includesTokens: true)
    let whole = try write(settings, to: "16.jsonl", batchSize: 16)
    for batchSize in [1, 2, 7] { #expect(try write(settings, to: "\(batchSize).jsonl", batchSize: batchSize) == whole) }
    var fewer = settings
    fewer.samples = 3
    let lines = Set(whole.split(separator: 0x0A))
    #expect(try write(fewer, to: "fewer.jsonl").split(separator: 0x0A).allSatisfy { lines.contains($0) })
    var others = settings
    others.seed = 4
    #expect(try write(others, to: "others.jsonl") != whole)
  }

  @Test("Nor does it depend on the batch size where products and caches are rounded")
  func repeatableWhenRounded() throws {
    let settings = CompletionSettings(samples: 5, sampling: .topK(40), maxTokens: 12, seed: 3, includesTokens: true)
    let rounded = try Generator(
      tinyDecoder(eosTokenIDs: [9, 60, 61]).frozen(precision: .bfloat16), Trained.lossless, cachePrecision: .float16)
    let whole = try write(settings, to: "rounded-16.jsonl", batchSize: 16, with: rounded)
    for batchSize in [1, 2, 7] {
      #expect(try write(settings, to: "rounded-\(batchSize).jsonl", batchSize: batchSize, with: rounded) == whole)
    }
    #expect(try write(settings, to: "exact.jsonl") != whole)
  }

  @Test("A file that is being written is not opened again")
  func locking() throws {
    let file = try CompletionFile(creating: folder.file("a.jsonl"), inputs: [:])
    for open in [
      { _ = try CompletionFile(resuming: folder.file("a.jsonl"), inputs: [:]) },
      { _ = try CompletionFile(creating: folder.file("a.jsonl"), inputs: [:]) },
    ] {
      let error = #expect(throws: CompletionError.self, performing: open)
      #expect("\(try #require(error))".contains("a.jsonl: is being written by process "))
    }
    withExtendedLifetime(file) {}
  }

  @Test("A file cut at any byte, with its record cut or not, is completed to the same bytes")
  func resuming() throws {
    var settings = CompletionSettings(samples: 4, maxTokens: 8, seed: 1)
    let means = try write(settings, to: "all.jsonl").split(separator: 0x0A).map { line in
      let object = try JSONSerialization.jsonObject(with: line) as? [String: Any]
      return try #require(object?["mean_log_probability"] as? Double)
    }
    settings.filters.meanLogProbability = means.sorted()[5]
    let whole = try write(settings, to: "whole.jsonl")
    let run = try run(settings)
    let name = "part.jsonl"
    for stopAfter in 1...9 {
      try run.write(to: CompletionFile(creating: folder.file(name), inputs: run.inputs), batchSize: 3) {
        $0.completions >= stopAfter ? .stop : .proceed
      }
      let (text, journal) = (try bytes(name), try bytes(name + ".progress"))
      let cuts = [(text.count, 3), (max(0, text.count - 5), 0), (text.count / 2, 0), (0, 0), (text.count, 0)]
      for (length, journalCut) in cuts {
        try text.prefix(length).write(to: folder.file(name))
        try journal.dropLast(journalCut).write(to: folder.file(name + ".progress"))
        let progress = try run.write(
          to: CompletionFile(resuming: folder.file(name), inputs: run.inputs), batchSize: 5)
        #expect(try bytes(name) == whole, "stopped after \(stopAfter), cut to \(length)")
        #expect(progress.completions == 12 && progress.kept + progress.refused.values.reduce(0, +) == 12)
      }
      // what was written after the last record is dropped, too
      try (text + Data("{\"half".utf8)).write(to: folder.file(name))
      try journal.write(to: folder.file(name + ".progress"))
      try run.write(to: CompletionFile(resuming: folder.file(name), inputs: run.inputs))
      #expect(try bytes(name) == whole)
      for file in [name, name + ".progress"] { try FileManager.default.removeItem(at: folder.file(file)) }
    }
    #expect(!whole.isEmpty && whole.split(separator: 0x0A).count < 12)
  }

  @Test("Another setting, a finished file, one that was edited and one that is there are refused")
  func refusedFiles() throws {
    let settings = CompletionSettings(maxTokens: 5)
    let run = try run(settings)
    let file = folder.file("out.jsonl")
    #expect(throws: CompletionError.self) { try CompletionFile(resuming: file, inputs: run.inputs) }
    try run.write(to: CompletionFile(creating: file, inputs: run.inputs))
    func message(_ body: () throws -> Void) -> String {
      do { try body() } catch { return "\(error)" }
      return ""
    }
    #expect(message { _ = try CompletionFile(creating: file, inputs: run.inputs) }.contains("exists already"))
    let resumed = message { _ = try CompletionFile(resuming: file, inputs: run.inputs) }
    #expect(resumed.contains("with 3 completions in all"))
    var other = settings
    other.sampling.temperature = 0.7
    let otherInputs = try self.run(other).inputs
    #expect(
      message { _ = try CompletionFile(resuming: file, inputs: otherInputs) }
        .contains("temperature: expected 1.0, as when the file was begun, found 0.7"))
    try Data((String(repeating: "x", count: 5000) + "\n").utf8).write(to: file)
    #expect(message { _ = try CompletionFile(resuming: file, inputs: run.inputs) }.contains("no line ends after"))
  }

  @Test("Filters keep what they say, count what they refuse, and a file that would be empty is an error")
  func filters() throws {
    let all = try write(CompletionSettings(samples: 8, maxTokens: 10), to: "all.jsonl").split(separator: 0x0A)
    func objects(_ lines: [Data]) throws -> [[String: Any]] {
      try lines.map { try #require(try JSONSerialization.jsonObject(with: $0) as? [String: Any]) }
    }
    func kept(_ filters: CompletionFilters, _ isKept: ([String: Any]) -> Bool) throws -> Bool {
      let name = "\(UUID().uuidString).jsonl"
      let found = try write(CompletionSettings(samples: 8, maxTokens: 10, filters: filters), to: name)
      let expected = zip(all, try objects(all)).filter { isKept($1) }.map(\.0)
      #expect(!expected.isEmpty && expected.count < all.count)
      return found.split(separator: 0x0A) == expected
    }
    #expect(try kept(CompletionFilters(minTokens: 10)) { ($0["tokens"] as? Int ?? 0) >= 10 })
    #expect(try kept(CompletionFilters(maxTokens: 9)) { ($0["tokens"] as? Int ?? 99) <= 9 })
    #expect(try kept(CompletionFilters(requiresEnd: true)) { $0["stop_reason"] as? String == "end_of_text" })
    let means = try objects(all).compactMap { $0["mean_log_probability"] as? Double }.sorted()
    let median = (means[11] + means[12]) / 2
    #expect(
      try kept(CompletionFilters(meanLogProbability: median)) { $0["mean_log_probability"] as? Double ?? -99 >= median }
    )
    let beginning = String(try #require(try objects(all)[0]["completion"] as? String).prefix(3))
    let pattern = try AnswerPattern(NSRegularExpression.escapedPattern(for: beginning))
    #expect(
      try kept(CompletionFilters(matching: pattern)) { ($0["completion"] as? String ?? "").contains(beginning) })

    let none = CompletionSettings(filters: CompletionFilters(minTokens: 1, matching: try AnswerPattern("no such text")))
    let run = try run(none)
    let file = try CompletionFile(creating: folder.file("none.jsonl"), inputs: run.inputs)
    #expect {
      try run.write(to: file)
    } throws: {
      "\($0)" == "none of 3 completions was kept: --keep-matching refused 3; loosen the filters, or sample more"
    }
    #expect(try !folder.names.contains { $0.hasPrefix("none") })
  }

  @Test("An answer is the first group of the first match, and must be that of the reference")
  func answers() throws {
    let pattern = try AnswerPattern("#### (-?[0-9.,]+)", reference: "answer")
    #expect(pattern.answer(in: "so\n#### 72\n#### 3") == "72")
    #expect(pattern.answer(in: "#### x") == nil)
    #expect(try AnswerPattern("a|(b)").answer(in: "xa") == "a")
    #expect(try AnswerPattern("answer: *(.*)").answer(in: "answer:  ✓ yes \n") == "✓ yes")
    let record = PromptRecord(prompt: "?", name: "x", fields: ["answer": .string("48/2\n#### 24")])
    #expect(pattern.accepts("It is #### 24", of: record))
    #expect(!pattern.accepts("It is #### 25", of: record))
    #expect(!pattern.accepts("24", of: record))
  }

  @Test("Requests that cannot be met are refused before anything is generated")
  func refusals() throws {
    func message(_ settings: CompletionSettings, _ prompts: PromptFile? = nil) -> String {
      do { _ = try CompletionRun(generator, prompts ?? self.prompts, settings) } catch { return "\(error)" }
      return ""
    }
    func filtered(_ filters: CompletionFilters) -> String { message(CompletionSettings(filters: filters)) }
    #expect(
      filtered(CompletionFilters(minTokens: 5, maxTokens: 4)).hasPrefix(
        "--keep-min-tokens: expected a number from 0 to 4"))
    #expect(filtered(CompletionFilters(minTokens: 300)).contains("found 300"))
    #expect(filtered(CompletionFilters(minTokens: 64)).contains("at most 63, which the model's context leaves"))
    #expect(filtered(CompletionFilters(maxTokens: 0)).hasPrefix("--keep-max-tokens"))
    #expect(filtered(CompletionFilters(meanLogProbability: 0.1)).hasPrefix("--keep-mean-log-probability"))
    #expect(throws: CompletionError.self) { try AnswerPattern("(") }
    #expect(message(CompletionSettings(samples: 0)).hasPrefix("--samples"))
    #expect(message(CompletionSettings(stop: [""])).hasPrefix("--stop"))
    let pattern = try AnswerPattern("#### ([0-9]+)", reference: "solution")
    #expect(filtered(CompletionFilters(matching: pattern)).contains("line 1: expected a text under the key solution"))
    let strict = try AnswerPattern("#### ([0-9]+)", reference: "answer")
    #expect(
      filtered(CompletionFilters(matching: strict)).contains("line 4: expected a match of #### ([0-9]+) in answer"))
    let long = try PromptFile(contentsOf: folder.write("a\n\n" + String(repeating: "z7", count: 50), to: "long.txt"))
    #expect(message(CompletionSettings(), long).contains("long.txt, line 3: expected at most 63 tokens"))
    let empty = PromptFile("")
    let beginless = try Generator(tinyDecoder(), Trained.withoutBeginning)
    #expect(throws: CompletionError.self) { try CompletionRun(beginless, empty, CompletionSettings()) }
  }

  @Test("Prompts cut from text end where words do and begin with paragraphs, lines or sentences", arguments: 0..<4)
  func cutting(_ kind: Int) throws {
    let tokenizer = [Trained.lossless, Trained.withPrefix, Trained.removingSpaces, Trained.removingSpacesUnigram][kind]
    let sentence = "The cats saw ☃ and 7 red balls. "
    let paragraphs = (1...12).map { String(repeating: sentence, count: $0).dropLast() }
    let text = paragraphs.joined(separator: "\n\n")
    let corpus = try Corpus(paths: [folder.write(text, to: "text.txt").path])
    let cut = try PromptFile(cutting: corpus, promptLength: 20, tokenizer: tokenizer)
    #expect(cut.records.count > 12)
    for record in cut.records {
      let count = tokenizer.encode(record.prompt).count
      #expect((8...21).contains(count), "\(record)")
      #expect(record.prompt.hasPrefix("The cats"), "\(record)")
      let end = try #require(text.range(of: record.prompt)?.upperBound)
      #expect(text[end...].first?.isWhitespace == true, "\(record)")
    }
    #expect(try PromptFile(cutting: corpus, promptLength: 20, count: 3, tokenizer: tokenizer).records.count == 3)
    #expect {
      try PromptFile(cutting: corpus, promptLength: 10_000, tokenizer: tokenizer)
    } throws: {
      "\($0)".contains("expected a document of more than 10000 tokens")
    }
    for length in 1...3 {
      let short = try PromptFile(cutting: corpus, promptLength: length, tokenizer: tokenizer)
      #expect(short.records.allSatisfy { !$0.prompt.isEmpty })
    }
    let wordless = try Corpus(texts: [String(repeating: "猫", count: 100)])
    #expect(try PromptFile(cutting: wordless, promptLength: 9, tokenizer: tokenizer).records[0].prompt.contains("猫"))
    #expect(throws: CompletionError.self) { try PromptFile(cutting: corpus, promptLength: .max, tokenizer: tokenizer) }
  }
}
