import DurableFiles
import Foundation
import GGUF
import TestSupport
import Testing

@testable import Tokenization

@Suite("Damaged vocabularies of GGUF files") struct GGUFTokenizerDamageTests {
  typealias Fixture = GGUFTokenizerFixture
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A fixture's vocabulary.
  private struct Vocabulary {
    var tokens: [[UInt8]]
    var scores: [Float]
    var types: [Int]

    init(_ name: String) throws {
      let metadata = try GGUFFile(contentsOf: Fixture.file(name)).metadata
      tokens = try metadata.array("tokenizer.ggml.tokens")?.strings ?? []
      scores = try metadata.array("tokenizer.ggml.scores")?.floats ?? []
      types = try metadata.array("tokenizer.ggml.token_type")?.integers ?? []
    }
  }

  /// What is said of a fixture's file whose vocabulary was changed: it must name file and key.
  private func sentence(_ name: String, _ key: String, _ change: (inout Vocabulary) -> Void) throws -> String {
    var vocabulary = try Vocabulary(name)
    change(&vocabulary)
    return try sentence(
      name, key,
      values: [
        "tokenizer.ggml.tokens": .array(of: 8, vocabulary.tokens.map { GGUFSample.string($0) }),
        "tokenizer.ggml.scores":
          vocabulary.scores.isEmpty ? nil : .array(of: 6, vocabulary.scores.map { GGUFSample.bytes($0.bitPattern) }),
        "tokenizer.ggml.token_type": .array(of: 5, vocabulary.types.map { GGUFSample.bytes(Int32($0)) }),
      ])
  }

  private func sentence(_ name: String, _ key: String, values: [String: GGUFSample.Value?]) throws -> String {
    var sample = GGUFSample(copying: try GGUFFile(contentsOf: Fixture.file(name)))
    for (key, value) in values { sample.set(key, value) }
    return try refusal(of: sample, beginning: "\(key): expected ")
  }

  /// What is said of a file, behind its name.
  private func refusal(of sample: GGUFSample, beginning: String = "") throws -> String {
    let file = try folder.write(sample.bytes, to: "damaged.gguf")
    let error = #expect(throws: TokenizationError.self) { try loadTokenizer(from: file) }
    let text = "\(try #require(error))"
    #expect(text.hasPrefix("\(file.path): \(beginning)"), "\(text)")
    return text
  }

  @Test("Lengths that differ")
  func lengths() throws {
    let scores = try sentence("llama", "tokenizer.ggml.scores") { $0.scores.removeLast() }
    #expect(scores.contains("expected 401 numbers, one for each token, found an array of 400"), "\(scores)")
    #expect(try sentence("llama", "tokenizer.ggml.scores") { $0.scores = [] }.contains("found nothing"))
    let types = try sentence("gemma", "tokenizer.ggml.token_type") { $0.types.append(1) }
    #expect(types.contains("expected 450 integers, one for each token, found an array of 451"), "\(types)")
    let none = try sentence("gemma", "tokenizer.ggml.tokens", values: ["tokenizer.ggml.tokens": .strings([])])
    #expect(none.contains("found an array of 0"), "\(none)")
    let numbers = try sentence("gemma", "tokenizer.ggml.tokens", values: ["tokenizer.ggml.tokens": .uint32(3)])
    #expect(numbers.contains("expected an array, found 3"), "\(numbers)")
    _ = try sentence("gemma", "tokenizer.ggml.tokens", values: ["tokenizer.ggml.tokens": nil])
    _ = try sentence(
      "gemma", "tokenizer.ggml.scores", values: ["tokenizer.ggml.scores": .strings(["a"])])
  }

  @Test("Tokens that cannot be")
  func tokens() throws {
    let twice = try sentence("llama", "tokenizer.ggml.tokens") { $0.tokens[300] = $0.tokens[290] }
    #expect(twice.contains("expected each token once") && twice.contains("as token 290 and token 300"), "\(twice)")
    let bytes = try sentence("gpt2", "tokenizer.ggml.tokens") { $0.tokens[7] = [0xC3, 0x28] }
    #expect(bytes.contains("other bytes in token 7"), "\(bytes)")
    // valid only together with the next one
    let halves = try sentence("gpt2", "tokenizer.ggml.tokens") { ($0.tokens[7], $0.tokens[8]) = ([0xC3], [0xA9]) }
    #expect(halves.contains("other bytes in token 7"), "\(halves)")
    let zero = try sentence("llama", "tokenizer.ggml.tokens") { $0.tokens[300] = [0x61, 0] }
    #expect(zero.contains("without NUL") && zero.contains("token 300"), "\(zero)")
    // spaces and their sign are one in a user-defined token
    let spaces = try sentence("gemma", "tokenizer.ggml.tokens") { $0.tokens[400] = Array("\u{2581}\u{2581}".utf8) }
    #expect(spaces.contains("expected each token once"), "\(spaces)")
  }

  @Test("Types and scores that cannot be")
  func types() throws {
    for (type, found) in [(0, "0 for token 40"), (7, "7 for token 40"), (-1, "-1 for token 40")] {
      let text = try sentence("llama", "tokenizer.ggml.token_type") { $0.types[40] = type }
      #expect(text.contains("expected types from 1 to 6, found \(found)"), "\(text)")
    }
    for score in [Float.nan, .infinity] {
      let text = try sentence("llama", "tokenizer.ggml.scores") { $0.scores[300] = score }
      #expect(text.contains("expected finite numbers") && text.contains("token 300"), "\(text)")
    }
    let missing = try sentence("gemma", "tokenizer.ggml.token_type") { $0.types[20] = 1 }
    #expect(missing.contains("a token for each of the 256 bytes, found none for <0x07>"), "\(missing)")
    let none = try sentence("llama", "tokenizer.ggml.token_type") { $0.types[300] = 6 }
    #expect(none.contains("token 300"), "\(none)")
    let byte = try sentence("gpt2", "tokenizer.ggml.token_type") { $0.types[40] = 6 }
    #expect(byte.contains("no byte tokens (6) in a byte-level vocabulary, found token 40"), "\(byte)")
    let unknown = try sentence(
      "llama", "tokenizer.ggml.unknown_token_id",
      values: [
        "tokenizer.ggml.unknown_token_id": nil,
        "tokenizer.ggml.token_type": .array(
          of: 5,
          (0..<401).map {
            GGUFSample.bytes(Int32((3..<259).contains($0) ? 6 : 1))
          }),
      ])
    #expect(unknown.contains("found none"), "\(unknown)")
  }

  @Test("Ids and flags that are none", arguments: Fixture.sentencePiece + ["gpt2"])
  func special(_ name: String) throws {
    for key in ["bos_token_id", "eos_token_id", "padding_token_id"] {
      let large = GGUFSample.Value(type: 11, bytes: GGUFSample.bytes(Int(1) << 40))
      let text = try sentence(name, "tokenizer.ggml.\(key)", values: ["tokenizer.ggml.\(key)": large])
      #expect(text.contains("expected an integer from -1 to 4294967295, found 1099511627776"), "\(text)")
      _ = try sentence(name, "tokenizer.ggml.\(key)", values: ["tokenizer.ggml.\(key)": .string("2")])
    }
    _ = try sentence(
      name, "tokenizer.ggml.add_bos_token", values: ["tokenizer.ggml.add_bos_token": .string("true")])
    _ = try sentence(name, "tokenizer.chat_template", values: ["tokenizer.chat_template": .uint32(1)])
  }

  @Test("A byte begins no text")
  func byte() throws {
    let text = try sentence(
      "llama", "tokenizer.ggml.bos_token_id", values: ["tokenizer.ggml.bos_token_id": .uint32(10)])
    #expect(text.contains("a token that is no byte, found 10"), "\(text)")
  }

  @Test("Merges that are none, and cuts that are not known")
  func byteLevel() throws {
    func merges(_ merges: [String]) throws -> String {
      try sentence("gpt2", "tokenizer.ggml.merges", values: ["tokenizer.ggml.merges": .strings(merges)])
    }
    #expect(try merges(["ab"]).contains(#"found "ab" as merge 0"#))
    #expect(try merges(["a b c"]).contains("two tokens with a space between them"))
    #expect(try merges(["h e", "\u{42F} a"]).contains("merge 1"))
    #expect(try merges(["z q"]).contains(#"no token "zq""#))
    let none = try sentence("gpt2", "tokenizer.ggml.merges", values: ["tokenizer.ggml.merges": nil])
    #expect(none.contains("found nothing"), "\(none)")
    for name in ["default", "tekken", "gpt-4o"] {
      let text = try sentence("gpt2", "tokenizer.ggml.pre", values: ["tokenizer.ggml.pre": .string(name)])
      #expect(text.contains("llama-bpe") && text.contains(#"found "\#(name)""#), "\(text)")
    }
    _ = try sentence("gpt2", "tokenizer.ggml.pre", values: ["tokenizer.ggml.pre": nil])
  }

  @Test(
    "Kinds of vocabularies that cannot be read", arguments: ["t5", "bert", "rwkv", "plamo2", "none", "gemma4", nil])
  func kinds(_ name: String?) throws {
    let text = try sentence(
      "gpt2", "tokenizer.ggml.model", values: ["tokenizer.ggml.model": name.map { .string($0) }])
    #expect(text.contains("of a kind that is known (llama or gpt2), found \(name.map { "\"\($0)\"" } ?? "nothing")"))
    #expect(text.contains("; "), "\(text)")
  }

  @Test("A vocabulary that libsentencepiece cannot encode with is refused", arguments: [3, 2, 5])
  func unencodable(_ type: Int) throws {
    let text = try refusal { vocabulary in
      vocabulary.types = Array(repeating: type, count: vocabulary.types.count)
      vocabulary.types[0] = 2
    }
    #expect(text.contains("SentencePiece model"), "\(text)")
  }

  @Test("A token so long that it must be damage is refused")
  func longToken() throws {
    let text = try refusal { $0.tokens[300] = [UInt8](repeating: 0x61, count: 1 << 20) }
    #expect(text.contains("piece 300 has 1048576 bytes"), "\(text)")
  }

  /// What is said of a llama vocabulary that SentencePiece cannot be given.
  private func refusal(_ change: (inout Vocabulary) -> Void) throws -> String {
    var vocabulary = try Vocabulary("llama")
    change(&vocabulary)
    var sample = GGUFSample(copying: try GGUFFile(contentsOf: Fixture.file("llama")))
    sample.set("tokenizer.ggml.tokens", .array(of: 8, vocabulary.tokens.map { GGUFSample.string($0) }))
    sample.set("tokenizer.ggml.token_type", .array(of: 5, vocabulary.types.map { GGUFSample.bytes(Int32($0)) }))
    return try refusal(of: sample)
  }

  @Test("An empty token has llama.cpp's name; what is no GGUF is refused")
  func odd() throws {
    var sample = GGUFSample(copying: try GGUFFile(contentsOf: Fixture.file("gpt2")))
    var vocabulary = try Vocabulary("gpt2")
    vocabulary.tokens[329] = []
    sample.set("tokenizer.ggml.tokens", .array(of: 8, vocabulary.tokens.map { GGUFSample.string($0) }))
    sample.set("tokenizer.ggml.merges", .strings([]))
    let tokenizer = try loadTokenizer(from: folder.write(sample.bytes, to: "odd.gguf"))
    #expect(tokenizer.spelling(of: 329) == "[EMPTY_329]")
    let file = try folder.write("no such thing", to: "text.gguf")
    let error = #expect(throws: TokenizationError.self) { try loadTokenizer(from: file) }
    #expect(error?.description.hasPrefix("\(file.path): ") == true)
  }
}
