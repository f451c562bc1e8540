import Foundation
import Limbeck
import TestSupport
import Testing

@Suite("The library's front door") struct LanguageModelTests {
  private let folder: TemporaryFolder
  private let tokenizer: any Tokenizer

  init() throws {
    folder = try TemporaryFolder()
    tokenizer = try loadTokenizer(
      from: Folders.project.appendingPathComponent("tokenizers/austen-2048.model"))
  }

  private func model(width: Int, seed: UInt64) throws -> LanguageModel {
    try LanguageModel(
      configuration: DecoderConfiguration(
        vocabularySize: 2048, hiddenSize: width, feedForwardSize: 2 * width, layerCount: 1, headCount: 2,
        contextLength: 32, tiesEmbeddings: true, initializerRange: 0.3),
      tokenizer: tokenizer, seed: seed)
  }

  @Test("A model is written, read, distilled, measured and heard, with this module alone")
  func wholeWay() throws {
    try model(width: 16, seed: 1).write(to: folder.file("teacher"))
    let teacher = try LanguageModel(contentsOf: folder.file("teacher"))
    #expect(!teacher.decoder.parameters.isTrainable && teacher.tokenizer.digest == tokenizer.digest)
    let student = try model(width: 8, seed: 2)
    let words = String(
      repeating: "It is a truth universally acknowledged, that a single man must be in want. ", count: 40)
    let corpus = try Corpus(paths: [folder.write(words, to: "text.txt").path])
    let before = try Perplexity(of: student, on: corpus)
    let distiller = try Distiller(teacher: teacher, student: student, .forwardKL)
    var steps = 0
    let recipe = TrainingRecipe(steps: 3, batchSize: 2, sequenceLength: 32)
    let summary = try distiller.run(over: corpus, recipe) { event in
      if case .step = event { steps += 1 }
    }
    #expect(summary.isComplete && steps == 3)
    #expect(try Perplexity(of: student, on: corpus) != before)
    try student.write(to: folder.file("student"))
    let read = try LanguageModel(contentsOf: folder.file("student"))
    #expect(read.configuration == student.configuration && read.digest != teacher.digest)
    let (one, other) = (try Generator(student), try Generator(read))
    #expect(try one.text(after: "It is", maxTokens: 8, seed: 3) == other.text(after: "It is", maxTokens: 8, seed: 3))
  }

  @Test("Chats to validate on are written by the template among the tokenizer's files, as those to train on")
  func chats() throws {
    try model(width: 8, seed: 1).write(to: folder.file("model"))
    _ = try folder.write("### Instruction:", to: "model/chat_template.jinja")
    let tokenizer = try loadTokenizer(from: folder.file("model"))
    let row = #"{"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Emma."}]}"#
    let corpus = try Corpus(paths: [folder.write(row, to: "chats.jsonl").path])
    #expect(throws: LimbeckError.self) { try ValidationText(corpus, tokenizer: tokenizer, sequenceLength: 8) }
    #expect(throws: LimbeckError.self) {
      try PackedSequences(corpus, tokenizer: tokenizer, sequenceLength: 4, in: folder.file("tokens"))
    }
  }

  @Test("Chats are written by the model's template wherever they are read, and BOS can be left out")
  func texts() throws {
    let model = try Data(contentsOf: Folders.project.appendingPathComponent("tokenizers/austen-2048.model"))
    let url = folder.file("chatting")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    try model.write(to: url.appendingPathComponent("tokenizer.model"))
    try Data("{\"chat_template\": \"<|im_start|>\"}".utf8).write(
      to: url.appendingPathComponent("tokenizer_config.json"))
    let chatting = try loadTokenizer(from: url)
    let row =
      "{\"messages\": [{\"role\": \"user\", \"content\": \"What is true?\"}, "
      + "{\"role\": \"assistant\", \"content\": \"That a single man must be in want of a wife.\"}]}\n"
    let corpus = try Corpus(paths: [folder.write(row, to: "chat.jsonl").path])
    let validation = try ValidationText(corpus, tokenizer: chatting, sequenceLength: 8)
    let plain = try ValidationText(corpus, tokenizer: tokenizer, sequenceLength: 8)
    #expect(validation.digest() != plain.digest())

    func begins(_ beginsWithBOS: Bool) throws -> Int32? {
      try PackedSequences(
        corpus, tokenizer: chatting, sequenceLength: 8, cuts: .fixed, beginsWithBOS: beginsWithBOS,
        in: folder.file("cache")
      ).batch([1]).ids.first
    }
    #expect(try begins(true) == chatting.bosID)
    #expect(try begins(false) != chatting.bosID)
  }

  @Test("The digest of a fresh model is that of its configuration, not of its seed")
  func digests() throws {
    #expect(try model(width: 8, seed: 1).digest == model(width: 8, seed: 2).digest)
    #expect(try model(width: 8, seed: 1).digest != model(width: 16, seed: 1).digest)
  }

  @Test("A model with fewer outputs than its tokenizer has tokens is refused at the start")
  func vocabularies() throws {
    let configuration = DecoderConfiguration(
      vocabularySize: 2000, hiddenSize: 8, feedForwardSize: 8, layerCount: 1, headCount: 1)
    #expect(throws: LimbeckError.self) {
      try LanguageModel(configuration: configuration, tokenizer: tokenizer, seed: 1)
    }
    var impossible = configuration
    impossible.headSize = 3
    #expect(throws: LimbeckError.self) { try LanguageModel(configuration: impossible, tokenizer: tokenizer, seed: 1) }
  }
}
