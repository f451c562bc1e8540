import DurableFiles
import Foundation
import GGUF
import TestSupport
import Testing

@testable import Tokenization

/// Small vocabularies in GGUF files, and what libsentencepiece and huggingface/tokenizers make of texts; llama.cpp
/// makes the same: Tests/Fixtures/make_gguf_tokenizer_fixtures.py.
struct GGUFTokenizerFixture: Decodable {
  static let sentencePiece = ["llama", "gemma"]
  static let byteLevel = ["gpt2", "smollm", "qwen2", "llama3", "deepseek_v3", "deepseek_llm", "deepseek_coder"]
  static let root = ModelFixture.root.appendingPathComponent("gguf_tokenizer")

  let texts: [String]
  let ids: [String: [[Int32]]]

  static func read() throws -> GGUFTokenizerFixture {
    try JSONDecoder().decode(Self.self, from: Data(contentsOf: root.appendingPathComponent("expected.json")))
  }

  static func file(_ name: String) -> URL { root.appendingPathComponent("\(name).gguf") }

  /// The texts that a fixture has ids of.
  func texts(of name: String) throws -> [String] {
    Self.byteLevel.contains(name) ? try ByteLevelFixture.texts() : texts
  }
}

@Suite("Tokenizers from GGUF files") struct GGUFTokenizerTests {
  typealias Fixture = GGUFTokenizerFixture
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(
    "Ids are those of libsentencepiece, huggingface/tokenizers and llama.cpp",
    arguments: Fixture.sentencePiece + Fixture.byteLevel)
  func ids(_ name: String) throws {
    let fixture = try Fixture.read()
    let tokenizer = try loadTokenizer(from: Fixture.file(name))
    let texts = try fixture.texts(of: name)
    for (text, ids) in zip(texts, try #require(fixture.ids[name])) {
      #expect(tokenizer.encode(text) == ids, "\(text.prefix(80))")
    }
    try expectTheSameIDs(of: texts.joined(separator: "\n"), inPartsOf: 13, by: tokenizer)
  }

  @Test("Files written are the same tokenizer", arguments: Fixture.sentencePiece + Fixture.byteLevel)
  func files(_ name: String) throws {
    let tokenizer = try loadTokenizer(from: Fixture.file(name))
    for file in tokenizer.files { try file.write(to: folder.url) }
    let read = try loadTokenizer(from: folder.url)
    #expect(read.digest == tokenizer.digest)
    #expect([read.bosID, read.eosID, read.unknownID] == [tokenizer.bosID, tokenizer.eosID, tokenizer.unknownID])
    #expect(read.padID == tokenizer.padID && read.settings == tokenizer.settings)
    for text in try Fixture.read().texts(of: name) { #expect(read.encode(text) == tokenizer.encode(text)) }
    let hasModel = Fixture.sentencePiece.contains(name)
    #expect(try folder.names == ["tokenizer.json"] + (hasModel ? ["tokenizer.model"] : []) + ["tokenizer_config.json"])
  }

  @Test("A SentencePiece vocabulary is that of the tokenizer.model, piece by piece")
  func pieces() throws {
    let model = try SentencePieceTokenizer(
      contentsOf: AddedTokenFixture.root.appendingPathComponent("tokenizer.model"))
    let tokenizer = try loadTokenizer(from: Fixture.file("llama"))
    // the converter's name for an id without a token is left out
    #expect(tokenizer.vocabularySize == model.vocabularySize)
    for id in 0..<Int32(model.vocabularySize) {
      #expect(tokenizer.spelling(of: id) == model.spelling(of: id))
      #expect(tokenizer.details(of: id) == model.details(of: id))
    }
    let plain = "No sign of any kind, é ☃\n"
    #expect(tokenizer.encode(plain) == model.encode(plain) && tokenizer.decode(model.encode(plain)) == plain)
    #expect([tokenizer.bosID, tokenizer.eosID, tokenizer.padID, tokenizer.unknownID] == [1, 2, nil, 0])
    let gemma = try loadTokenizer(from: Fixture.file("gemma"))
    #expect([gemma.bosID, gemma.eosID, gemma.padID, gemma.unknownID] == [2, 1, 0, 3])
    #expect(gemma.decode(gemma.encode("  a\t\n\n b")) == "  a\t\n\n b")
    #expect(gemma.decode([2]).isEmpty && gemma.details(of: 3).first?.value == "unknown")
  }

  @Test("A byte-level vocabulary is that of the tokenizer.json, added tokens, BOS and all")
  func byteLevel() throws {
    for name in Fixture.byteLevel where name != "qwen2" {
      let tokenizer = try loadTokenizer(from: Fixture.file(name))
      let original = try ByteLevelFixture(name: name).tokenizer()
      #expect(tokenizer.vocabularySize == original.vocabularySize && tokenizer.bosID == original.bosID, "\(name)")
      for id in 0..<Int32(original.vocabularySize) { #expect(tokenizer.spelling(of: id) == original.spelling(of: id)) }
      // llama.cpp knows of no token that is looked for in normalised text alone
      let differing = name == "deepseek_v3" ? ["added_tokens"] : []
      let settings = [tokenizer.settings, original.settings].map { $0.filter { !differing.contains($0.name) } }
      #expect(settings[0] == settings[1], "\(name)")
    }
    // ids without a token are none and make no difference to the others; nothing is normalised
    let qwen = try loadTokenizer(from: Fixture.file("qwen2"))
    #expect(qwen.vocabularySize == 382 && qwen.encode("[PAD382]").count > 1 && qwen.encode("e\u{301}").count > 1)
    #expect(qwen.decode(qwen.encode("e\u{301} <|end|>x")) == "e\u{301} x")
    guard case .array(let tokens)? = try GGUFFile(contentsOf: Fixture.file("qwen2")).metadata["tokenizer.ggml.tokens"]
    else { return }
    let names = try #require(tokens.strings).dropLast(3).map { String(decoding: $0, as: UTF8.self) }
    let unpadded = try self.tokenizer("qwen2") {
      $0.set("tokenizer.ggml.tokens", .strings(names))
      $0.set(
        "tokenizer.ggml.token_type", .array(of: 5, names.map { GGUFSample.bytes(Int32($0.hasPrefix("<|") ? 3 : 1)) }))
    }
    #expect(unpadded.digest == qwen.digest)
  }

  @Test("The chat template goes with the files")
  func template() throws {
    for name in ["gemma", "qwen2"] {
      let files = try loadTokenizer(from: Fixture.file(name)).files
      let file = try #require(files.first { $0.name == "tokenizer_config.json" })
      guard case .object(let members) = try JSONValue(parsing: Array(file.contents), file: file.name),
        case .string(let template) = members["chat_template"]
      else {
        Issue.record("no chat template in \(String(decoding: file.contents, as: UTF8.self))")
        continue
      }
      #expect(template.hasPrefix("{% for message in messages %}"))
    }
  }

  @Test("add_bos_token and the ids without a key are taken as llama.cpp takes them")
  func flags() throws {
    let without = try tokenizer("llama") { $0.set("tokenizer.ggml.add_bos_token", .bool(false)) }
    #expect(without.bosID == nil && without.eosID == 2)
    try expectReload(without)
    let plain = try tokenizer("llama") {
      for key in ["bos", "eos", "unknown"] { $0.set("tokenizer.ggml.\(key)_token_id", nil) }
    }
    #expect([plain.bosID, plain.eosID, plain.unknownID] == [1, 2, 0])
    let begun = try tokenizer("gpt2") { $0.set("tokenizer.ggml.add_bos_token", .bool(true)) }
    #expect(begun.bosID == 330 && begun.encode("x").count == 1)
    try expectReload(begun)
    // Llama 3's name says that BOS comes first
    #expect(try loadTokenizer(from: Fixture.file("llama3")).bosID == 422)
    #expect(try loadTokenizer(from: Fixture.file("gpt2")).bosID == nil)
    let padded = try tokenizer("smollm") { $0.set("tokenizer.ggml.padding_token_id", .uint32(301)) }
    #expect(padded.padID == 301 && padded.eosID == 301)
    let removing = try tokenizer("gemma") { $0.set("tokenizer.ggml.remove_extra_whitespaces", .bool(true)) }
    #expect(removing.encode(" a b ") == removing.encode("a b"))
  }

  @Test("Ids that mean none, and those beyond the vocabulary, are as good as left out", arguments: ["llama", "gpt2"])
  func absentIDs(_ name: String) throws {
    for key in ["bos", "eos", "unknown", "padding"].map({ "tokenizer.ggml.\($0)_token_id" }) {
      let without = try tokenizer(name) { $0.set(key, nil) }
      for value in [
        GGUFSample.Value.uint32(.max), .uint32(100_000), .init(type: 5, bytes: GGUFSample.bytes(Int32(-1))),
      ] {
        let found = try tokenizer(name) { $0.set(key, value) }
        #expect(
          [found.bosID, found.eosID, found.padID, found.unknownID]
            == [without.bosID, without.eosID, without.padID, without.unknownID], "\(key)")
        #expect(found.digest == without.digest, "\(key)")
      }
    }
  }

  @Test("What a reduced vocabulary was made from goes with it", arguments: ["gemma", "gpt2"])
  func origin(_ name: String) throws {
    let whole = try loadTokenizer(from: Fixture.file(name))
    let note = VocabularyOrigin(of: try loadTokenizer(from: Fixture.file("llama3"))).file(for: whole.digest)
    let reduced = try tokenizer(name) {
      $0.set(VocabularyOrigin.metadataKey, .string(String(decoding: note.contents, as: UTF8.self)))
    }
    #expect(reduced.digest == whole.digest && whole.origin == nil && reduced.origin?.tokenCount == 424)
  }

  private func expectReload(_ tokenizer: any Tokenizer) throws {
    let copy = try TemporaryFolder()
    for file in tokenizer.files { try file.write(to: copy.url) }
    let read = try loadTokenizer(from: copy.url)
    #expect(read.digest == tokenizer.digest && read.bosID == tokenizer.bosID)
  }

  /// The tokenizer of a fixture that was changed.
  private func tokenizer(_ name: String, _ change: (inout GGUFSample) throws -> Void) throws -> any Tokenizer {
    var sample = GGUFSample(copying: try GGUFFile(contentsOf: Fixture.file(name)))
    try change(&sample)
    return try loadTokenizer(from: folder.write(sample.bytes, to: "changed.gguf"))
  }
}
