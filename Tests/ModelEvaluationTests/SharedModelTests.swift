import Foundation
import LanguageModels
import ModelEvaluation
import ModelFiles
import TestSupport
import Testing
import Tokenization

private let folder = Folders.shared.appendingPathComponent("models/stories260K")

/// expected.json holds what Hugging Face transformers computes for the model in float32.
@Suite("Perplexity of stories260K", .enabled(if: Folders.hasShared, "needs the folder `shared` beside the clone"))
struct SharedModelTests {
  private struct Expected: Decodable {
    struct Window: Decodable {
      let natsPerToken: Double
      let perplexity: Double
      let perplexityStandardError: Double
      let bitsPerByte: Double
      let wordPerplexity: Double
    }
    let tokens: Int
    let bytes: Int
    let words: Int
    let window256: Window
    let window512: Window

    private enum CodingKeys: String, CodingKey {
      case tokens
      case bytes
      case words
      case window256 = "window 256"
      case window512 = "window 512"
    }
  }

  @Test("TinyStories has the perplexity that transformers computes", arguments: [256, 512])
  func golden(window: Int) throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .custom { path in
      let key = path[path.count - 1].stringValue
      let words = key.split(separator: "_")
      return Key(stringValue: words.count < 2 ? key : words[0] + words.dropFirst().map(\.capitalized).joined())
    }
    let golden = try decoder.decode(
      Expected.self, from: Data(contentsOf: folder.appendingPathComponent("expected.json")))
    let tokenizer = try SentencePieceTokenizer(contentsOf: folder.appendingPathComponent("tokenizer.model"))
    let string = try String(contentsOf: Folders.shared.appendingPathComponent("data/tinystories.txt"), encoding: .utf8)
    let text = EvaluationText(string, tokenizer: tokenizer)
    #expect(text.tokenCount == golden.tokens)
    #expect(text.byteCount == golden.bytes)
    #expect(text.wordCount == golden.words)

    let expected = window == 256 ? golden.window256 : golden.window512
    let found = try Perplexity(of: FrozenDecoder(contentsOf: folder), on: text, window: window)
    #expect(found.tokens == golden.tokens)
    #expect(abs(found.natsPerToken - expected.natsPerToken) < 1e-4)
    #expect(abs(found.perplexity - expected.perplexity) < 1e-3)
    #expect(abs(found.perplexityStandardError - expected.perplexityStandardError) < 1e-5)
    #expect(abs(try #require(found.bitsPerByte) - expected.bitsPerByte) < 1e-4)
    #expect(abs(try #require(found.wordPerplexity) - expected.wordPerplexity) < 0.05)
  }

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}
