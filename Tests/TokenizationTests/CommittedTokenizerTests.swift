import Foundation
import ModelFiles
import TestSupport
import Testing
import Tokenization

@Suite("The tokenizers in the repository") struct CommittedTokenizerTests {
  private static let folder = Folders.project.appendingPathComponent("tokenizers")

  @Test("Each has the size and the digest that the README says, and all are listed")
  func readme() throws {
    let rows = try String(contentsOf: Self.folder.appendingPathComponent("README.md"), encoding: .utf8)
      .split(separator: "\n").filter { $0.hasPrefix("| `") }
      .map { $0.split(separator: "|").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " `")) } }
    for row in rows {
      let tokenizer = try SentencePieceTokenizer(contentsOf: Self.folder.appendingPathComponent(row[0]))
      #expect(tokenizer.vocabularySize == Int(row[2]), "\(row[0])")
      #expect(tokenizer.digest.hexadecimal == row[3], "\(row[0])")
      #expect(tokenizer.isLossless)
      #expect([tokenizer.unknownID, tokenizer.bosID, tokenizer.eosID, tokenizer.padID] == [0, 1, 2, nil])
    }
    let models = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter { $0.hasSuffix(".model") }
    #expect(rows.map { $0[0] }.sorted() == models.sorted())
    #expect(!models.isEmpty)
  }
}
