import DurableFiles
import Foundation
import TestSupport
import Testing

@testable import Tokenization

@Suite("Byte-level BPE that cannot be used") struct ByteLevelRefusalTests {
  private static func object(_ json: String) -> JSONValue? {
    try? JSONValue(parsing: Array(json.utf8), file: "test")
  }

  /// A change of the fixture, and what the error must say of it.
  static let cases: [(change: String, value: String?, message: [String])] = [
    ("model.type", #""WordPiece""#, ["model:", "WordPiece"]),
    ("model.type", "7", ["model.type:", "found 7"]),
    ("model", "[]", ["model:", "found []"]),
    ("model.vocab", nil, ["model.vocab:", "found nothing"]),
    ("normalizer", #"{"type":"NFKC"}"#, ["normalizer:", "NFKC"]),
    ("normalizer", #"{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Lowercase"}]}"#, ["Lowercase"]),
    (
      "pre_tokenizer",
      #"{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\w+ my pattern"},"#
        + #""behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}"#,
      ["pre_tokenizer:", #"\\w+ my pattern"#, "Qwen2"]
    ),
    ("pre_tokenizer", #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}"#, ["pre_tokenizer:"]),
    ("decoder", #"{"type":"WordPiece"}"#, ["decoder:", "WordPiece"]),
    ("decoder", "null", ["decoder:", "found null"]),
    ("post_processor", #"{"type":"BertProcessing"}"#, ["post_processor.type:", "BertProcessing"]),
    ("post_processor", #"{"type":"TemplateProcessing","single":[]}"#, ["post_processor.single:"]),
    ("model.dropout", "0.1", ["model.dropout:", "0.1"]),
    ("model.byte_fallback", "true", ["model.byte_fallback:", "found true"]),
    ("model.continuing_subword_prefix", #""@@""#, ["model.continuing_subword_prefix:", "@@"]),
    ("model.end_of_word_suffix", #""</w>""#, ["model.end_of_word_suffix:", "</w>"]),
    ("model.new_key", "1", ["model.new_key:", "found 1"]),
    ("model.merges", #"["a b c"]"#, ["model.merges[0]:", "a b c"]),
    ("model.merges", #"[["a","b"],["q","\u4e2d"]]"#, ["lacks"]),
    ("model.merges", #"["q z"]"#, ["model.merges[0]:", #""qz", which it lacks"#]),
    ("model.merges", #"[3]"#, ["not valid JSON"]),
    ("model.vocab", #"{"a":0,"b":0}"#, ["model.vocab:", #"id 0 for "a" and for "b""#]),
    ("model.vocab", #"{"a":-1}"#, ["model.vocab:", "found -1"]),
    ("model.vocab", #"{"a":99999999999}"#, ["model.vocab:", "99999999999"]),
    ("model.vocab", #"{"a":99999999999999999999999}"#, ["model.vocab:", "1e+23"]),
    ("model.vocab", #"{"a":1.5}"#, ["model.vocab:", "1.5"]),
    ("model.vocab", #"{"a":"x"}"#, ["not valid JSON"]),
    ("added_tokens", "3", ["added_tokens", "found 3"]),
    ("added_tokens", #"[{"id":3}]"#, ["added_tokens"]),
    ("added_tokens", #"[{"id":9000,"content":"<x>"}]"#, ["added_tokens[0].id:", "330", "9000"]),
    ("added_tokens", #"[{"id":-5,"content":"<x>"}]"#, ["-5"]),
  ]

  @Test("Every error names the key and what was found", arguments: 0..<cases.count)
  func refused(_ index: Int) throws {
    let (key, value, message) = Self.cases[index]
    let folder = try TemporaryFolder()
    let change = try value.map { try #require(Self.object($0)) }
    do {
      var changes = [key: change]
      if key == "model.vocab" { changes["model.merges"] = .array([]) }
      _ = try ByteLevelFixture(name: "gpt2").tokenizer(changes, in: folder)
      Issue.record("not refused: \(key) \(value ?? "")")
    } catch let error as TokenizationError {
      let text = error.description
      #expect(text.hasPrefix(folder.file("tokenizer.json").path), "\(text)")
      #expect(!text.contains("\n"), "\(text)")
      for part in message { #expect(text.contains(part), "\(text)") }
    }
  }

  @Test("An unknown token must be one where bytes are lacking, and has no effect where none is")
  func unknown() throws {
    let folder = try TemporaryFolder()
    let change = ["model.unk_token": JSONValue.string("<none>")]
    let error = #expect(throws: TokenizationError.self) {
      try ByteLevelFixture(name: "unknown").tokenizer(change, in: folder)
    }
    #expect(error?.description.contains(#"model.unk_token: expected a piece of the vocabulary"#) == true)
    let tokenizer = try ByteLevelFixture(name: "gpt2").tokenizer(change, in: folder)
    #expect(try tokenizer.digest == ByteLevelFixture(name: "gpt2").tokenizer().digest && tokenizer.unknownID == nil)
  }

  @Test("A piece that occurs twice, and a key that does")
  func twice() throws {
    let folder = try TemporaryFolder()
    let text = String(decoding: try Data(contentsOf: ByteLevelFixture(name: "gpt2").file), as: UTF8.self)
    try folder.write(text.replacing(#""vocab":{"#, with: #""vocab":{"a":300,"#), to: "a/tokenizer.json")
    #expect(throws: TokenizationError.self) { try loadTokenizer(from: folder.file("a")) }
    try folder.write(text.replacing(#""normalizer":"#, with: #""decoder":1,"normalizer":"#), to: "b/tokenizer.json")
    #expect(throws: TokenizationError.file(.duplicateKey(file: folder.file("b/tokenizer.json").path, key: "decoder"))) {
      try loadTokenizer(from: folder.file("b"))
    }
  }

  @Test("A file that is cut short anywhere is an error")
  func cutShort() throws {
    let content = Array(try Data(contentsOf: ByteLevelFixture(name: "llama3").file))
    let end = content.lastIndex(of: UInt8(ascii: "}")) ?? 0
    for length in stride(from: 0, through: end, by: 61) {
      #expect(throws: TokenizationError.self, "\(length) bytes") {
        try TokenizerJSON(TokenizerJSONText(Array(content[..<length]), file: "tokenizer.json"))
      }
    }
  }

  @Test("Damaged bytes are never a trap")
  func damaged() throws {
    let content = Array(try Data(contentsOf: ByteLevelFixture(name: "deepseek_v3").file))
    var generator = RepeatableGenerator(seed: 8)
    for _ in 0..<1000 {
      var bytes = content
      for _ in 0..<3 {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      do throws(TokenizationError) {
        let file = try TokenizerJSON(TokenizerJSONText(bytes, file: "tokenizer.json"))
        _ = try TokenizerJSONKind.tokenizer(file, HuggingFaceTokenizerFiles())
      } catch { #expect(!error.description.isEmpty) }
    }
  }

  @Test("Text that is no UTF-8 is refused in a stream, and no trap elsewhere")
  func notUTF8() throws {
    let tokenizer = try ByteLevelFixture(name: "qwen2").tokenizer()
    var encoder = StreamingEncoder(tokenizer, name: "text")
    #expect(throws: TokenizationError.self) { try encoder.append([0x61, 0xFF]) }
    for bytes: [UInt8] in [[0xFF], [0xE4, 0xB8], [0x61, 0xC3], [0xF7, 0xBF, 0xBF, 0xBF], [0x80, 0x80]] {
      for name in ByteLevelFixture.names {
        let tokenizer = try ByteLevelFixture(name: name).tokenizer()
        _ = tokenizer.encode(TextBatch(bytes: bytes, ends: [bytes.count], startsText: [true]), threads: 1)
        var place = 1
        _ = tokenizer.moveToCut(&place, in: bytes.span)
      }
    }
  }
}
