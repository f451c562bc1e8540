import Foundation
import Testing

@testable import Tokenization

/// The folder `shared` beside the clone, with models and texts too large for the repository; absent on most machines.
private let shared = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared")
private let hasShared = FileManager.default.fileExists(atPath: shared.path)

@Suite("The tokenizer of stories260K", .enabled(if: hasShared, "needs the folder `shared` beside the clone"))
struct SharedDataTests {
  private struct Expected: Decodable {
    let tokens: Int
    let bytes: Int
    let words: Int
  }

  private func tokenizer() throws -> SentencePieceTokenizer {
    try SentencePieceTokenizer(contentsOf: shared.appendingPathComponent("models/stories260K/tokenizer.model"))
  }

  @Test("Tokens, bytes and words of TinyStories are the golden ones")
  func golden() throws {
    let expected = try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: shared.appendingPathComponent("models/stories260K/expected.json")))
    let corpus = try Corpus(paths: [shared.appendingPathComponent("data/tinystories.txt").path])
    let text = try tokenizer().tokens(of: corpus)
    #expect(text.ids.count == expected.tokens)
    #expect(text.counts.bytes == expected.bytes)
    #expect(text.counts.words == expected.words)
  }

  @Test(
    "A stream has the ids that libsentencepiece gives the whole text",
    arguments: ["tinystories.txt", "tinyshakespeare.txt", "wikitext2-valid.txt", "gsm8k-train.jsonl"])
  func whole(_ name: String) throws {
    let tokenizer = try tokenizer()
    let file = shared.appendingPathComponent("data/\(name)")
    let bytes = try Array(Data(contentsOf: file))
    let whole = Processor.encode(
      TextBatch(bytes: bytes, ends: [bytes.count], startsText: [1]), starting: tokenizer.processor,
      inner: tokenizer.innerProcessor, literalSpace: nil, threads: 1)
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(tokenizer.encode(text) == whole.ids)
    #expect(tokenizer.decode(whole.ids) == text)
  }
}
