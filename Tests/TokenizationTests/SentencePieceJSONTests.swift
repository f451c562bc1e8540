import Diagnostics
import DurableFiles
import Foundation
import TestSupport
import Testing

@testable import Tokenization

/// What huggingface/tokenizers makes of a tokenizer.json: Tests/Fixtures/make_sentencepiece_json_fixtures.py.
struct SentencePieceJSONFixture: Decodable {
  struct Case: Decodable {
    let name: String
    let file: String
    let members: String
    let ids: [[Int32]]
    let decoded: [String]
    let length: Int
  }

  let texts: [String]
  let cases: [Case]

  static let root = ModelFixture.root.appendingPathComponent("sentencepiece_json")

  static func read() throws -> SentencePieceJSONFixture {
    try JSONDecoder().decode(Self.self, from: Data(contentsOf: root.appendingPathComponent("expected.json")))
  }

  /// A fixture's tokenizer.json with other members; `change` may change its model.
  static func json(
    _ file: String, _ members: [String: JSONValue] = [:], change: (inout [String: JSONValue]) -> Void = { _ in }
  ) throws -> String {
    let bytes = Array(try Data(contentsOf: root.appendingPathComponent("\(file).json")))
    guard case .object(var all) = try JSONValue(parsing: bytes, file: file),
      case .object(var model) = all["model"]
    else { return "" }
    all.merge(members) { $1 }
    change(&model)
    all["model"] = .object(model)
    return JSONValue.object(all).text()
  }

  static func members(_ text: String) throws -> [String: JSONValue] {
    guard case .object(let members) = try JSONValue(parsing: Array(text.utf8), file: "members") else { return [:] }
    return members
  }
}

@Suite("SentencePiece models that exist only as tokenizer.json") struct SentencePieceJSONTests {
  typealias Fixture = SentencePieceJSONFixture
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The tokenizer of a folder with these files.
  private func tokenizer(_ json: String, _ files: [String: String] = [:]) throws -> any Tokenizer {
    try? FileManager.default.removeItem(at: folder.file("model"))
    try folder.write(json, to: "model/tokenizer.json")
    for (name, content) in files { try folder.write(content, to: "model/\(name)") }
    return try loadTokenizer(from: folder.file("model"))
  }

  private func emptyFolder(_ name: String) throws -> URL {
    let url = folder.file(name)
    try? FileManager.default.removeItem(at: url)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url
  }

  private func error(_ json: String, _ files: [String: String] = [:]) throws -> String {
    let error = #expect(throws: TokenizationError.self) { try tokenizer(json, files) }
    return "\(try #require(error))"
  }

  private func llama(_ members: String, change: (inout [String: JSONValue]) -> Void = { _ in }) throws -> String {
    try Fixture.json("llama", Fixture.members(members), change: change)
  }

  @Test("Ids and decoded texts are those of huggingface/tokenizers", arguments: 0..<17)
  func ids(_ index: Int) throws {
    let fixture = try Fixture.read()
    try #require(fixture.cases.count == 17)
    let expected = fixture.cases[index]
    let tokenizer = try tokenizer(Fixture.json(expected.file, Fixture.members(expected.members)))
    #expect(tokenizer.vocabularySize == expected.length && !tokenizer.isLossless)
    for (text, (ids, decoded)) in zip(fixture.texts, zip(expected.ids, expected.decoded)) {
      #expect(tokenizer.encode(text) == ids, "\(expected.name): \(text.debugDescription)")
      #expect(tokenizer.decode(ids) == decoded, "\(expected.name): \(text.debugDescription)")
      var decoder = StreamingDecoder(tokenizer)
      #expect(ids.map { decoder.append($0) }.joined() + decoder.finish() == decoded)
    }
  }

  @Test("A long text that arrives in parts has the ids of the whole", arguments: [0, 1, 3, 6, 12, 15], [1, 13, 1000])
  func streaming(_ index: Int, size: Int) throws {
    let fixture = try Fixture.read()
    let expected = fixture.cases[index]
    let tokenizer = try tokenizer(Fixture.json(expected.file, Fixture.members(expected.members)))
    let text = (0..<60).map { fixture.texts[$0 * 7 % fixture.texts.count] + Trained.text.prefix(50 + $0) }.joined()
    try expectTheSameIDs(of: text, inPartsOf: size, by: tokenizer)
  }

  @Test("The pieces are those of the tokenizer.model that the file was made from, scores and all")
  func pieces() throws {
    let model = try SentencePieceTokenizer(
      contentsOf: AddedTokenFixture.root.appendingPathComponent("tokenizer.model"))
    let json = try TokenizerJSON(TokenizerJSONText(Array(llama("{}").utf8), file: "tokenizer.json"))
    let converted = try ConvertedTokenizer(json, filesBeside: [], keepsSpecialText: false)
    for id in 0..<Int32(model.vocabularySize) {
      #expect(converted.base.spelling(of: id) == model.spelling(of: id))
      #expect(converted.base.details(of: id) == model.details(of: id))
    }
    #expect(converted.base.digest == model.digest)
  }

  @Test("BOS is what the post-processor puts in front; the files beside name EOS; the files come back")
  func files() throws {
    let begin = try #require(try Fixture.read().cases.last)
    let json = try Fixture.json("llama", Fixture.members(begin.members))
    let configuration = #"{"bos_token": "<s>", "eos_token": "<|a|>", "pad_token": "</s>", "unk_token": "<unk>"}"#
    let tokenizer = try tokenizer(json, ["tokenizer_config.json": configuration])
    #expect(tokenizer.bosID == 1 && tokenizer.eosID == 400 && tokenizer.padID == 2 && tokenizer.unknownID == 0)
    #expect(tokenizer.encode("<unk>") == [0])
    let plain = try self.tokenizer(json)
    #expect(plain.bosID == 1 && plain.eosID == 2 && plain.padID == nil && plain.digest != tokenizer.digest)
    #expect(Set(tokenizer.files.map(\.name)) == ["tokenizer.json", "tokenizer_config.json"])
    let copy = try emptyFolder("copy")
    for file in tokenizer.files { try file.write(to: copy) }
    #expect(try loadTokenizer(from: copy).digest == tokenizer.digest)
    #expect(try loadTokenizer(from: copy.appendingPathComponent("tokenizer.json")).digest == tokenizer.digest)
    // a file may have any name
    try folder.write(json, to: "mine.json")
    let named = try loadTokenizer(from: folder.file("mine.json"))
    #expect(named.digest == plain.digest && named.files.map(\.name) == ["tokenizer.json"])
  }

  @Test(
    "What is not known is refused with its JSON",
    arguments: [
      (#"{"normalizer": {"type": "Lowercase"}}"#, "normalizer", #"{"type":"Lowercase"}"#),
      (
        #"{"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}]}}"#, "normalizer.normalizers[0]",
        #"{"type":"NFKC"}"#
      ),
      (#"{"normalizer": null}"#, "normalizer", "nothing says what becomes of spaces"),
      (#"{"pre_tokenizer": {"type": "Whitespace"}}"#, "pre_tokenizer", #"{"type":"Whitespace"}"#),
      (
        #"{"pre_tokenizer": {"type": "Metaspace", "replacement": "_"}}"#, "pre_tokenizer.replacement", #""_""#
      ),
      (
        #"{"pre_tokenizer": {"type": "Metaspace", "replacement": "\#u{2581}", "prepend_scheme": "last"}}"#,
        "pre_tokenizer.prepend_scheme", "last"
      ),
      (
        #"{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}]}}"#,
        "pre_tokenizer.pretokenizers[0]", #"{"individual_digits":true,"type":"Digits"}"#
      ),
      (#"{"post_processor": {"type": "BertProcessing"}}"#, "post_processor.type", "BertProcessing"),
    ])
  func unknownParts(members: String, key: String, found: String) throws {
    let text = try error(llama(members))
    #expect(text.hasPrefix("\(folder.file("model/tokenizer.json").path): \(key): "), "\(text)")
    #expect(text.contains(found), "\(text)")
  }

  @Test("A model that SentencePiece is not is refused, member by member")
  func unknownModels() throws {
    for (key, value) in [
      ("dropout", JSONValue.number(0.1)), ("continuing_subword_prefix", .string("##")),
      ("end_of_word_suffix", .string("</w>")), ("ignore_merges", .bool(true)), ("unk_token", .string("<none>")),
      ("byte_fallback", .integer(1)),
    ] {
      let text = try error(llama("{}") { $0[key] = value })
      #expect(text.contains(": model.\(key): expected"), "\(text)")
    }
    let unfused = try Fixture.json("trained") { $0["fuse_unk"] = .bool(false) }
    #expect(try error(unfused).contains(": model.fuse_unk: expected true"))
    let text = try error(llama("{}") { $0 = ["type": .string("WordPiece"), "vocab": $0["vocab"]!] })
    #expect(text.contains(": model: expected") && text.contains("WordPiece"))
    let withoutByte = try llama("{}") {
      guard case .object(var vocabulary) = $0["vocab"] else { return }
      vocabulary["<0xE2>"] = nil
      $0["vocab"] = .object(vocabulary)
    }
    #expect(try error(withoutByte).contains("none for <0xE2>"))
  }

  @Test("The first merge that SentencePiece would do otherwise is named")
  func merges() throws {
    func json(_ pieces: [String], _ merges: [String]) -> String {
      let vocabulary = Dictionary(
        uniqueKeysWithValues: zip(["<unk>"] + pieces, 0...).map { ($0, JSONValue.integer($1)) })
      let model: [String: JSONValue] = [
        "type": .string("BPE"), "unk_token": .string("<unk>"), "fuse_unk": .bool(true),
        "vocab": .object(vocabulary), "merges": .array(merges.map { .string($0) }),
      ]
      let replace: [String: JSONValue] = [
        "type": .string("Replace"), "pattern": .object(["String": .string(" ")]), "content": .string("\u{2581}"),
      ]
      return JSONValue.object(["model": .object(model), "normalizer": .object(replace)]).text()
    }
    let letters = ["\u{2581}", "a", "b", "c"]
    // a pair that is missing, but never comes up
    let trained = try tokenizer(json(letters + ["ab", "abc", "bc"], ["a b", "ab c", "b c"]))
    #expect(trained.encode("abc") == [6] && trained.encode("bcabc") == [7, 6])
    let missing = try error(json(letters + ["ab", "abc"], ["a b"]))
    #expect(missing.contains(#": model.merges: expected merges that SentencePiece has, too"#))
    #expect(missing.contains(#"found "ab" and "c" not among them, though together they are a piece"#))
    // "abc" is made of "a" and "bc" first, but "ab" comes before
    let late = try error(json(letters + ["bc", "ab", "abc", "ca"], ["a b", "a bc", "c a", "ab c", "b c"]))
    #expect(late.contains(#"found "ab" and "c" after merges that make other pieces"#))
    let words = #","pre_tokenizer":{"type":"Metaspace","replacement":"\#u{2581}"}}"#
    let across = try error(json(letters + ["a\u{2581}"], ["a \u{2581}"]).dropLast() + words)
    #expect(across.contains(": pre_tokenizer.split: expected false") && across.contains("a\u{2581}"))
  }

  @Test("Ids may have gaps, and Gemma's tab the place of its byte")
  func gaps() throws {
    let json = try llama("{}") {
      guard case .object(var vocabulary) = $0["vocab"] else { return }
      vocabulary["<0x09>"] = nil
      vocabulary["\t"] = .integer(12)
      vocabulary["<far>"] = .integer(410)
      $0["vocab"] = .object(vocabulary)
    }
    let tokenizer = try tokenizer(json)
    #expect(tokenizer.vocabularySize == 411 && tokenizer.spelling(of: 410) == "<far>")
    let tab = tokenizer.encode("a\tb")
    #expect(tab.contains(12) && tokenizer.decode(tab) == "a\tb" && tokenizer.decode([405]).isEmpty)
  }

  @Test("A tokenizer.json beside a tokenizer.model must agree with it")
  func agreement() throws {
    let model = try Data(contentsOf: AddedTokenFixture.root.appendingPathComponent("tokenizer.model"))
    func load(_ json: String) throws -> any Tokenizer {
      try? FileManager.default.removeItem(at: folder.file("model"))
      try folder.write(model, to: "model/tokenizer.model")
      try folder.write(json, to: "model/tokenizer.json")
      return try loadTokenizer(from: folder.file("model"))
    }
    let fixture = try Fixture.read()
    for expected in fixture.cases where expected.file == "llama" && !expected.name.hasPrefix("never") {
      let json = try Fixture.json("llama", Fixture.members(expected.members))
      #expect(try load(json).encode("The text") == load(llama("{}")).encode("The text"), "\(expected.name)")
    }
    // more entries, and fewer added ones, are no difference
    _ = try load(
      llama("{}") {
        guard case .object(var vocabulary) = $0["vocab"] else { return }
        vocabulary["<extra>"] = .integer(400)
        vocabulary["</s>"] = nil
        $0["vocab"] = .object(vocabulary)
      })
    func text(_ json: String) throws -> String {
      let error = #expect(throws: TokenizationError.self) { try load(json) }
      let text = "\(try #require(error))"
      #expect(text.hasPrefix(folder.file("model/tokenizer.json").path + ": "), "\(text)")
      #expect(text.contains("as in \(folder.file("model/tokenizer.model").path)"), "\(text)")
      #expect(text.contains("the folder has two tokenizers that disagree"), "\(text)")
      return text
    }
    #expect(try text(Fixture.json("gemma")).contains(": id 3: expected \"<0x00>\""))
    #expect(try text(Fixture.json("trained")).contains(": id 3: "))
    let swapped = try llama("{}") {
      guard case .object(var vocabulary) = $0["vocab"] else { return }
      (vocabulary["a"], vocabulary["b"]) = (vocabulary["b"], vocabulary["a"])
      $0["vocab"] = .object(vocabulary)
    }
    #expect(try text(swapped).contains("expected \"a\"") || text(swapped).contains("expected \"b\""))
    let never = try #require(fixture.cases.first { $0.name == "never" })
    let withoutPrefix = try Fixture.json("llama", Fixture.members(never.members))
    #expect(try text(withoutPrefix).contains("normalizer and pre_tokenizer: expected a space in front of text"))
    let unigram = try llama("{}") { $0 = ["type": .string("Unigram"), "vocab": .array([]), "unk_id": .null] }
    #expect(try text(unigram).contains(": model.type: expected BPE"))
  }

  @Test("What Limbeck writes beside a tokenizer agrees with it", arguments: 0..<Trained.all.count)
  func ownFiles(_ index: Int) throws {
    let tokenizer = Trained.all[index].1
    for file in tokenizer.files { try file.write(to: folder.url) }
    #expect(try loadTokenizer(from: folder.url).digest == tokenizer.digest)
  }

  @Test("A unigram model is read back from the tokenizer.json that Limbeck writes")
  func ownUnigram() throws {
    let tokenizers = [Trained.unigram, Trained.withManySymbols, Trained.withoutBytes, Trained.normalising]
    for (index, tokenizer) in tokenizers.enumerated() {
      let own = try emptyFolder("own")
      for file in tokenizer.files where file.name != "tokenizer.model" { try file.write(to: own) }
      let read = try loadTokenizer(from: own)
      #expect(read.digest == tokenizer.digest, "\(index)")
      let text = Trained.text.prefix(500) + " x\n\n  <user> é a,b \"☃\" ﬁ\u{2581}"
      #expect(read.encode(String(text)) == tokenizer.encode(String(text)))
    }
  }

  @Test("Other unigram models are refused with what is written of them")
  func otherUnigram() throws {
    let file = try #require(Trained.unigram.files.first { $0.name == "tokenizer.json" })
    let text = String(decoding: file.contents, as: UTF8.self)
    let metaspace = #"{"type":"Metaspace","replacement":"\#u{2581}"}"#
    var members = try Fixture.members(text)
    members["pre_tokenizer"] = .object(try Fixture.members(metaspace))
    let found = try error(JSONValue.object(members).text())
    #expect(found.contains(": pre_tokenizer: expected for a unigram model what Limbeck writes"), "\(found)")
    #expect(found.contains(#"{"replacement":"\#u{2581}","type":"Metaspace"}"#) && found.contains("spiece.model"))
  }

  @Test("A BPE of Limbeck's own has the same ids, but for U+2581 in text")
  func ownBPE() throws {
    for tokenizer in [Trained.bpe, Trained.withPrefix] {
      let own = try emptyFolder("own")
      for file in tokenizer.files where file.name != "tokenizer.model" { try file.write(to: own) }
      let read = try loadTokenizer(from: own)
      #expect(read.bosID == 1 && read.eosID == 2 && read.vocabularySize == tokenizer.vocabularySize)
      var generator = RepeatableGenerator(seed: 9)
      let scalars = randomUnicode(length: 3000, using: &generator).unicodeScalars.filter { $0 != "\u{2581}" }
      let text = String(String.UnicodeScalarView(scalars)) + Trained.text
      #expect(read.encode(text) == tokenizer.encode(text))
    }
  }
}
