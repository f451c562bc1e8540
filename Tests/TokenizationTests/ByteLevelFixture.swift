import DurableFiles
import Foundation
import TestSupport

@testable import Tokenization

/// A byte-level BPE tokenizer and what huggingface/tokenizers makes of some texts:
/// Tests/Fixtures/make_byte_level_fixtures.py.
struct ByteLevelFixture {
  /// The families' pre-tokenizers, then tokenizers with options of their own.
  static let names = [
    "gpt2", "smollm", "qwen2", "llama3", "deepseek_v3", "deepseek_llm", "deepseek_coder", "prefix_space", "unknown",
    "composed",
  ]

  struct Expected: Decodable {
    let ids: [[Int32]]
    let begin: [Int32]
    /// Of all texts but the first.
    let decoded: [String]
    let size: Int
  }

  static let root = ModelFixture.root.appendingPathComponent("byte_level")

  /// The texts; the first is the long one.
  static func texts() throws -> [String] {
    try JSONDecoder().decode([String].self, from: Data(contentsOf: root.appendingPathComponent("texts.json")))
  }

  let name: String

  var file: URL { Self.root.appendingPathComponent("\(name)/tokenizer.json") }

  func expected() throws -> Expected {
    let url = Self.root.appendingPathComponent("\(name)/expected.json")
    return try JSONDecoder().decode(Expected.self, from: Data(contentsOf: url))
  }

  func tokenizer() throws -> any Tokenizer { try loadTokenizer(from: file) }

  /// The tokenizer with some members of its file replaced: keys with dots lead into objects.
  func tokenizer(_ changes: [String: JSONValue?], in folder: TemporaryFolder) throws -> any Tokenizer {
    var value = try JSONValue(parsing: Array(Data(contentsOf: file)), file: name)
    for (key, change) in changes { value = Self.replacing(key.split(separator: ".")[...], in: value, with: change) }
    try folder.write(value.text(), to: "tokenizer.json")
    return try loadTokenizer(from: folder.file("tokenizer.json"))
  }

  private static func replacing(_ keys: ArraySlice<Substring>, in value: JSONValue, with change: JSONValue?)
    -> JSONValue
  {
    guard case .object(var members) = value, let key = keys.first.map(String.init) else { return change ?? .null }
    members[key] =
      keys.count == 1 ? change : replacing(keys.dropFirst(), in: members[key] ?? .object([:]), with: change)
    return .object(members)
  }
}
