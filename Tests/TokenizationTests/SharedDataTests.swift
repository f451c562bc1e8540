import DurableFiles
import Foundation
import TestSupport
import Testing

@testable import Tokenization

@Suite("The tokenizer of stories260K", .enabled(if: Folders.hasShared, "needs the folder `shared` beside the clone"))
struct SharedDataTests {
  private struct Expected: Decodable {
    let tokens: Int
    let bytes: Int
    let words: Int
  }

  private func tokenizer() throws -> SentencePieceTokenizer {
    try SentencePieceTokenizer(contentsOf: Folders.shared.appendingPathComponent("models/stories260K/tokenizer.model"))
  }

  @Test("Tokens, bytes and words of TinyStories are the golden ones")
  func golden() throws {
    let expected = try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: Folders.shared.appendingPathComponent("models/stories260K/expected.json")))
    let corpus = try Corpus(paths: [Folders.shared.appendingPathComponent("data/tinystories.txt").path])
    let text = try tokenizer().tokens(of: corpus)
    #expect(text.ids.count == expected.tokens)
    #expect(text.counts.bytes == expected.bytes)
    #expect(text.counts.words == expected.words)
  }

  /// Made with the Python package sentencepiece 0.2.3:
  /// `ids = SentencePieceProcessor(model_file=…).encode(text)`, `sha256(numpy.array(ids, "<i4").tobytes())`,
  /// `len(text.split())`, text read with `newline=""`.
  @Test(
    "A stream has the ids that Python's sentencepiece gives the whole text",
    arguments: [
      ("tinystories.txt", "9171ae8cb20d3d34ed9001e802449a789d57888649507e16e1f2a20ae988dcf5", 155_656),
      ("tinyshakespeare.txt", "9c5c75d0fea4e9ad16ba0507d777c4c43fc50988ce11b45e5148e8e9796e5ce0", 202_651),
      ("wikitext2-valid.txt", "d78c37e356d3d2f0ceeeb4fcbb7a0b7ef65f2fc3e8e8b4f8bf802159e29b8ef0", 213_886),
      ("gsm8k-train.jsonl", "b4689c46716259db6c580d3255fff7cad041ae99f22aed7f3532a3eecc7d0792", 711_642),
    ])
  func whole(_ name: String, _ digest: String, _ words: Int) throws {
    let tokenizer = try tokenizer()
    let bytes = try Data(contentsOf: Folders.shared.appendingPathComponent("data/\(name)"))
    // As plain text, whatever it is.
    let folder = try TemporaryFolder()
    let text = try tokenizer.tokens(of: Corpus(paths: [folder.write(bytes, to: "text.txt").path]))
    #expect(text.ids.withUnsafeBytes { Digest.sha256(of: $0.bytes) } == digest)
    #expect(text.counts.words == words)
    #expect(tokenizer.encode(String(decoding: bytes, as: UTF8.self)) == text.ids)
  }
}
