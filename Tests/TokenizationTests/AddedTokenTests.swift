import DurableFiles
import Foundation
import TestSupport
import Testing

@testable import Tokenization

/// What transformers makes of a tokenizer with added tokens: Tests/Fixtures/make_tokenizer_fixtures.py.
struct AddedTokenFixture: Decodable {
  struct Case: Decodable {
    let name: String
    let files: [String: String]
    let ids: [[Int32]]
    let decoded: [String]
    let length: Int
    let eos: Int32
    let pad: Int32?
  }

  let texts: [String]
  let cases: [Case]

  static let root = ModelFixture.root.appendingPathComponent("tokenizer")

  static func read() throws -> AddedTokenFixture {
    try JSONDecoder().decode(
      AddedTokenFixture.self, from: Data(contentsOf: root.appendingPathComponent("expected.json")))
  }
}

@Suite("Added tokens") struct AddedTokenTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A folder with the fixture's tokenizer and some files beside it, opened.
  private func tokenizer(_ files: [String: String], configuration: String? = nil) throws -> any Tokenizer {
    try? FileManager.default.removeItem(at: folder.file("model"))
    let model = try Data(contentsOf: AddedTokenFixture.root.appendingPathComponent("tokenizer.model"))
    try folder.write(model, to: "model/tokenizer.model")
    for (name, content) in files { try folder.write(content, to: "model/\(name)") }
    if let configuration { try folder.write(configuration, to: "model/config.json") }
    return try loadTokenizer(from: folder.file("model"))
  }

  @Test("Ids and decoded texts are those of transformers", arguments: 0..<7)
  func transformers(_ index: Int) throws {
    let fixture = try AddedTokenFixture.read()
    try #require(fixture.cases.count == 7)
    let expected = fixture.cases[index]
    let tokenizer = try tokenizer(expected.files)
    #expect(tokenizer.vocabularySize == expected.length && tokenizer.bosID == 1)
    #expect(tokenizer.eosID == expected.eos && tokenizer.padID == expected.pad)
    for (text, (ids, decoded)) in zip(fixture.texts, zip(expected.ids, expected.decoded)) {
      #expect(tokenizer.encode(text) == ids, "\(expected.name): \(text)")
      #expect(tokenizer.decode(ids) == decoded, "\(expected.name): \(text)")
      var decoder = StreamingDecoder(tokenizer)
      #expect(ids.map { decoder.append($0) }.joined() + decoder.finish() == decoded)
    }
    let joined = fixture.texts.joined(separator: "\n")
    #expect(tokenizer.encode(fixture.texts + [joined]).last == tokenizer.encode(joined))
  }

  @Test("A long text that arrives in parts has the ids of the whole", arguments: 0..<7, [1, 7, 1000])
  func streaming(_ index: Int, size: Int) throws {
    let fixture = try AddedTokenFixture.read()
    let tokenizer = try tokenizer(fixture.cases[index].files)
    let text = (0..<60).map { fixture.texts[$0 * 5 % 9] + (Trained.text.prefix(50 + $0)) }.joined()
    try expectTheSameIDs(of: text, inPartsOf: size, by: tokenizer)
  }

  @Test("The digest knows tokens, flags and special ids; the files come back")
  func identity() throws {
    let fixture = try AddedTokenFixture.read()
    var digests: Set<TokenizerDigest> = [try tokenizer([:]).digest]
    for expected in fixture.cases {
      let tokenizer = try tokenizer(expected.files)
      #expect(digests.insert(tokenizer.digest).inserted, "\(expected.name)")
      let files = tokenizer.files
      #expect(Set(files.map(\.name)) == Set(["tokenizer.model"] + expected.files.keys))
      for file in files { try file.write(to: folder.url) }
      #expect(try loadTokenizer(from: folder.url).digest == tokenizer.digest)
      for file in files { try FileManager.default.removeItem(at: folder.file(file.name)) }
    }
  }

  @Test("Files that add nothing leave the tokenizer as it is, and belong to it")
  func nothingAdded() throws {
    let plain = try tokenizer([:])
    let template = #"{"chat_template": "{{ x }}", "bos_token": "<s>", "pad_token": "</s>", "added_tokens_decoder": {}}"#
    let other = try tokenizer(["tokenizer_config.json": template, "chat_template.jinja": "{{ y }}"])
    #expect(other.digest == plain.digest)
    #expect(other.files.map(\.name) == ["tokenizer.model", "tokenizer_config.json", "chat_template.jinja"])
    for file in plain.files { try file.write(to: folder.url) }
    #expect(try loadTokenizer(from: folder.url).digest == plain.digest)
  }

  @Test("Tokens for which the model has no row are left out")
  func limit() throws {
    let files = ["added_tokens.json": #"{"<a>": 400, "<b>": 401}"#]
    let tokenizer = try tokenizer(files, configuration: #"{"vocab_size": 401}"#)
    #expect(tokenizer.vocabularySize == 401 && tokenizer.encode("<a>").contains(400))
    #expect(try tokenizer.encode("<b>") == self.tokenizer([:]).encode("<b>"))
    #expect(try self.tokenizer(files, configuration: #"{"vocab_size": 400}"#).vocabularySize == 400)
  }

  @Test("Ids may have gaps, and no prefix space may be said beside the tokenizer")
  func gapsAndPrefix() throws {
    let gap = try tokenizer(["added_tokens.json": #"{"<a>": 405}"#])
    #expect(gap.vocabularySize == 406 && gap.spelling(of: 402).isEmpty && gap.decode([402, 405]) == "<a>")
    #expect(gap.details(of: 402).map(\.name) == gap.details(of: 5).map(\.name))
    let prefix = try tokenizer(["tokenizer_config.json": #"{"add_prefix_space": false, "add_bos_token": false}"#])
    let plain = try tokenizer([:])
    #expect(prefix.encode(" She") == plain.encode("She") && prefix.digest != plain.digest && prefix.bosID == nil)
  }

  @Test(
    "What makes no sense is an error that names the file",
    arguments: [
      ("tokenizer_config.json", #"{"added_tokens_decoder": {"x": {"content": "a"}}}"#),
      ("tokenizer_config.json", #"{"added_tokens_decoder": {"400": {"content": ""}}}"#),
      ("tokenizer_config.json", #"{"added_tokens_decoder": {"1": {"content": "<s>"}, "01": {"content": "<s>"}}}"#),
      ("tokenizer_config.json", #"{"added_tokens_decoder": {"+400": {"content": "a"}}}"#),
      ("tokenizer_config.json", #"{"added_tokens_decoder": {"400": "a"}}"#), ("tokenizer_config.json", "{"),
      ("added_tokens.json", #"{"a": -1}"#), ("added_tokens.json", #"{"a": "b"}"#),
      ("added_tokens.json", #"{"a": 4294967296}"#), ("added_tokens.json", #"{"a": 2147483647}"#),
      ("tokenizer_config.json", #"{"added_tokens_decoder": {"2147483647": {"content": "a"}}}"#),
      ("tokenizer.json", #"{"added_tokens": [1]}"#),
    ])
  func damaged(name: String, content: String) throws {
    let error = #expect(throws: TokenizationError.self) { try tokenizer([name: content]) }
    #expect("\(try #require(error))".hasPrefix(folder.file("model/\(name)").path))
  }

  @Test("A folder without a tokenizer.model is told what it has and what it lacks")
  func otherKinds() throws {
    func description(_ name: String) throws -> String {
      try? FileManager.default.removeItem(at: folder.file("model"))
      try folder.write("{}", to: "model/\(name)")
      let error = #expect(throws: TokenizationError.self) { try loadTokenizer(from: folder.file("model")) }
      return "\(try #require(error))"
    }
    #expect(try description("tokenizer.json").contains("tokenizer.json: model: expected an object with a vocabulary"))
    #expect(try description("tekken.json").contains("which cannot be read; get tokenizer.model or tokenizer.json"))
    #expect(try description("sentencepiece.bpe.model").contains("whose ids are not those of the model"))
    #expect(try description("other").contains("the folder has no tokenizer"))
    try folder.write(Trained.bpe.serialized, to: "model/spiece.model")
    #expect(try loadTokenizer(from: folder.file("model")).digest == Trained.bpe.digest)
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    try folder.write(pointer, to: "model/spiece.model")
    let error = #expect(throws: TokenizationError.self) { try loadTokenizer(from: folder.file("model")) }
    #expect("\(try #require(error))".contains("git lfs pull"))
  }

  @Test("The matcher takes the longest token, and normalised ones last")
  func matcher() {
    func parts(_ text: String, _ tokens: [AddedToken]) -> [AddedTokenMatcher.Part] {
      let bytes = Array(text.utf8)
      return AddedTokenMatcher(tokens).parts(of: 0..<bytes.count, in: bytes)
    }
    let tokens = [
      AddedToken(content: "ab", id: 1), AddedToken(content: "abc", id: 2),
      AddedToken(content: "zab", id: 3, isNormalized: true), AddedToken(content: "w", id: 4, isSingleWord: true),
    ]
    #expect(parts("xabcab", tokens) == [.text(0..<1), .token(2), .token(1)])
    #expect(parts("zab", tokens) == [.text(0..<1), .token(1)])
    #expect(parts("w ew wé w_ (w)", tokens) == [.token(4), .text(1..<13), .token(4), .text(14..<15)])
    #expect(parts("", tokens).isEmpty)
    let strips = [
      AddedToken(content: "l", id: 1, stripsLeft: true), AddedToken(content: "r", id: 2, stripsRight: true),
    ]
    #expect(
      parts("a \u{A0}\u{3000}l r \n\tb", strips) == [.text(0..<1), .token(1), .text(8..<9), .token(2), .text(13..<14)])
  }
}
