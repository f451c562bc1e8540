import DurableFiles
import Foundation
import TestSupport
import Testing

@testable import Tokenization

@Suite("Reduced tokenizers in folders") struct ReducedFixtureTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Reduces the tokenizer of a folder by a text, writes it, loads it again and compares.
  @discardableResult private func check(_ original: any Tokenizer, _ texts: [String], _ name: String) throws
    -> any Tokenizer
  {
    let corpus = try Corpus(texts: texts)
    let counts = try TokenCounts(of: corpus, by: original)
    let reduced = try ReducedTokenizer(original, by: VocabularyReduction(of: original, keeping: counts))
    try reduced.requireSameTokens(as: original, on: corpus)
    let url = folder.file("\(UUID())")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    for file in reduced.files { try file.write(to: url) }
    let loaded = try loadTokenizer(from: url)
    #expect(loaded.digest == reduced.tokenizer.digest, "\(name)")
    #expect(loaded.vocabularySize == reduced.reduction.keptIDs.count, "\(name)")
    #expect(loaded.origin?.digest == original.digest && loaded.origin?.tokenCount == original.vocabularySize)
    func new(_ id: Int32?) -> Int32? { id.flatMap { reduced.reduction.newID(of: $0) } }
    #expect(loaded.bosID == new(original.bosID) && loaded.eosID == new(original.eosID))
    #expect(loaded.padID == new(original.padID) && loaded.unknownID == new(original.unknownID))
    for text in texts where !text.isEmpty {
      #expect(loaded.encode(text) == original.encode(text).map { new($0) ?? -1 }, "\(name): \(text.debugDescription)")
      #expect(loaded.decode(loaded.encode(text)) == original.decode(original.encode(text)), "\(name)")
    }
    return loaded
  }

  @Test("Byte-level BPE of all families", arguments: ByteLevelFixture.names)
  func byteLevel(_ name: String) throws {
    let tokenizer = try ByteLevelFixture(name: name).tokenizer()
    let texts = try ByteLevelFixture.texts()
    try check(tokenizer, texts.filter { !$0.isEmpty }, name)
    let few = try check(tokenizer, Array(texts.filter { !$0.isEmpty }.suffix(3)), name)
    #expect(few.vocabularySize < tokenizer.vocabularySize)
  }

  @Test("SentencePiece's BPE as tokenizer.json", arguments: 0..<17)
  func converted(_ index: Int) throws {
    let fixture = try SentencePieceJSONFixture.read()
    let (one, texts) = (fixture.cases[index], fixture.texts.filter { !$0.isEmpty })
    try folder.write(
      SentencePieceJSONFixture.json(one.file, SentencePieceJSONFixture.members(one.members)), to: "json/tokenizer.json")
    let tokenizer = try loadTokenizer(from: folder.file("json"))
    try check(tokenizer, texts, one.name)
    try check(tokenizer, Array(texts.prefix(4)), one.name)
  }

  @Test("tokenizer.model with added tokens", arguments: 0..<7)
  func added(_ index: Int) throws {
    let fixture = try AddedTokenFixture.read()
    let (one, texts) = (fixture.cases[index], fixture.texts.filter { !$0.isEmpty })
    let model = try Data(contentsOf: AddedTokenFixture.root.appendingPathComponent("tokenizer.model"))
    try folder.write(model, to: "model/tokenizer.model")
    for (name, content) in one.files { try folder.write(content, to: "model/\(name)") }
    let tokenizer = try loadTokenizer(from: folder.file("model"))
    let reduced = try check(tokenizer, texts, one.name)
    #expect(reduced.vocabularySize < tokenizer.vocabularySize)
  }

  @Test("Files of transformers are made anew where there were none, and agree")
  func generated() throws {
    for (name, tokenizer) in Trained.all {
      let reduced = try check(tokenizer, [String(Trained.text.prefix(2000))], name)
      #expect(reduced.files.contains { $0.name == "tokenizer_config.json" }, "\(name)")
    }
  }

  @Test("A second reduction knows the first original; tokenizers that differ say what they were reduced from")
  func origins() throws {
    let text = String(Trained.text.prefix(4000))
    let first = try check(Trained.bpe, [text], "first")
    let corpus = try Corpus(texts: ["ba lo"])
    let counts = try TokenCounts(of: corpus, by: first)
    let second = try ReducedTokenizer(first, by: VocabularyReduction(of: first, keeping: counts))
    #expect(second.files.count { $0.name == VocabularyOrigin.fileName } == 1)
    let url = folder.file("second")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    for file in second.files { try file.write(to: url) }
    let loaded = try loadTokenizer(from: url)
    #expect(loaded.origin?.digest == Trained.bpe.digest)
    try requireSameTokenizer(loaded, second.tokenizer)
    let error = #expect(throws: TokenizationError.self) { try requireSameTokenizer(Trained.bpe, first) }
    let message = try #require(error).description
    let sizes = "\(first.vocabularySize) tokens (digest \(first.digest.hexadecimal.prefix(12))…), reduced from "
    #expect(message.contains(sizes) && message.contains("reduce both for the same text"), "\(message)")
    // the record says nothing beside another tokenizer
    for file in Trained.bpe.files { try file.write(to: url) }
    #expect(try loadTokenizer(from: url).origin == nil)
  }
}
