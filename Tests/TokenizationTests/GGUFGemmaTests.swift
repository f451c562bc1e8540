import DurableFiles
import Foundation
import TestSupport
import Testing

@testable import Tokenization

@Suite(
  "The tokenizer in Gemma's GGUF file",
  .enabled(if: GemmaFile.url != nil, Comment(rawValue: GemmaFile.comment)))
struct GGUFGemmaTests {
  /// The first lines of tinyshakespeare.txt.
  private static let text =
    "First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak.\n\n"
    + "First Citizen:\nYou are all resolved rather to die"

  /// `AutoTokenizer.from_pretrained(folder, gguf_file=…)` of transformers 5.24, without BOS; llama.cpp has the same.
  private static let cases: [(text: String, ids: [Int32])] = [
    ("It is a truth universally acknowledged, that", [1509, 563, 496, 9043, 69127, 30285, 236764, 600]),
    (
      text,
      [
        7280, 67386, 236787, 107, 13286, 692, 7162, 1027, 3342, 236764, 6899, 786, 8988, 236761, 108, 3243, 236787, 107,
        130171, 236764, 8988, 236761, 108, 7280, 67386, 236787, 107, 3048, 659, 784, 21891, 4319,
      ]
    ),
    (
      "  a   b\n\n\n<bos>x <unused3> y<html>\t\t",
      [138, 236746, 139, 236763, 109, 2, 236781, 236743, 9, 570, 217, 255969]
    ),
    // the longest run of spaces, then what is left (transformers, which does not take them for tokens, has two of 16)
    (String(repeating: " ", count: 32), [167, 236743]),
  ]

  @Test("Ids are those of transformers and llama.cpp; files written are the same tokenizer")
  func ids() throws {
    let tokenizer = try loadTokenizer(from: #require(GemmaFile.url))
    #expect(tokenizer.vocabularySize == 262_144)
    #expect([tokenizer.bosID, tokenizer.eosID, tokenizer.padID, tokenizer.unknownID] == [2, 1, 0, 3])
    for (text, ids) in Self.cases {
      let found = tokenizer.encode(text)
      #expect(found.prefix(ids.count) == ids[...], "\(text)")
    }
    let written = try TemporaryFolder()
    for file in tokenizer.files { try file.write(to: written.url) }
    #expect(try loadTokenizer(from: written.url).digest == tokenizer.digest)
    #expect(tokenizer.decode(tokenizer.encode("  a\tb\r\n é ☃\u{1F642}")) == "  a\tb\r\n é ☃\u{1F642}")
  }
}
