import DurableFiles
import Foundation
import TestSupport
import Testing

@testable import Tokenization

@Suite("What tokenizer.json is read with") struct TokenizerJSONReadingTests {
  @Test("Every piece is found at its place, and no other")
  func pieces() {
    var generator = RepeatableGenerator(seed: 3)
    var (table, places) = (PieceTable(), [[UInt8]: Int]())
    for _ in 0..<5000 {
      let piece = (0..<Int.random(in: 0...20, using: &generator)).map { _ in
        UInt8.random(in: 0...2, using: &generator)
      }
      #expect(table.place(of: piece) == places[piece])
      #expect(table.insert(piece) == (places[piece] == nil))
      places[piece] = places[piece] ?? places.count
    }
    #expect(table.count == places.count)
    for (piece, place) in places {
      #expect(table.place(of: piece) == place && table.place(of: piece.lazy.map { $0 }) == place)
      #expect(table.bytes(at: place).elementsEqual(piece))
    }
  }

  private func vocabulary(_ json: String) throws(TokenizationError) -> TokenizerVocabulary {
    try TokenizerVocabulary(JSONByteReader(Array(json.utf8), file: "tokenizer.json"))
  }

  @Test("Ids are whole numbers as JSON spells them, and hardly any is without a piece")
  func ids() throws {
    let read = try vocabulary(#" { "a" : 0 ,"b":70000,"\u00e9\n":12 } "#)
    #expect(read.idEnd == 70001 && read.id(of: Array("é\n".utf8)) == 12 && read.bytes(of: 1) == nil)
    for damaged in ["01", "-0", "1.0", "1e1", "16777216", "9999999999999999999", "true", ""] {
      #expect(throws: TokenizationError.self, "\(damaged)") { try vocabulary(#"{"a":\#(damaged)}"#) }
    }
    #expect {
      try vocabulary(#"{"a":0,"b":16777215}"#)
    } throws: {
      "\($0)".contains("model.vocab: expected a piece for nearly each id, found 2 pieces for ids up to 16777215")
    }
  }

  @Test("Bytes that are no UTF-8 are replaced as Rust does it, or each by itself")
  func replacement() {
    var generator = RepeatableGenerator(seed: 5)
    let apt: [UInt8] = [0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC3, 0xE0, 0xE1, 0xED, 0xF0, 0xF1, 0xF4, 0xF5]
    for _ in 0..<3000 {
      let bytes = (0..<8).map { _ in apt.randomElement(using: &generator) ?? 0 }
      var (subparts, each) = (UTF8Assembler(replacement: .ofSubparts), UTF8Assembler())
      var (found, all) = ([UInt8](), [UInt8]())
      for byte in bytes {
        subparts.append(byte, to: &found)
        each.append(byte, to: &all)
      }
      subparts.finish(to: &found)
      each.finish(to: &all)
      // the standard library replaces maximal subparts
      #expect(found == Array(String(decoding: bytes, as: UTF8.self).utf8), "\(bytes)")
      #expect(all.count >= found.count && String(validating: all, as: UTF8.self) != nil)
    }
  }

  /// Added tokens of the fixture gpt2, a text and its ids in huggingface/tokenizers 0.23. The flags are lstrip, rstrip
  /// and single_word by their first letters.
  static let added: [(tokens: [(id: Int, content: String, flags: String)], texts: [String: [Int32]])] = [
    // characters that are composed otherwise are other tokens
    (
      [(330, "e\u{301}", ""), (165, "é", "")],
      ["ée\u{301}é": [165, 330, 165], "e\u{301}": [330]]
    ),
    // what one token strips may be the beginning of another
    (
      [(330, " the", "r"), (331, "  ", "")],
      [
        " the the the": [330, 330, 330], "x the   y": [87, 330, 331, 220, 88],
        "  the  the ": [331, 83, 329, 331, 83, 329, 220],
      ]
    ),
    // a token that another one has stripped is no more
    ([(330, " ", "lrs")], ["a \r\n \n b": [64, 330, 65], "\n \n \n": [330], "a b": [64, 220, 65]]),
    // letters of Unicode 17 are no words yet
    (
      [(2, "#", "s")],
      [
        "a# #a # \u{CDC}#\u{CDC}": [64, 2, 220, 2, 64, 220, 2, 265, 111, 250, 2, 156, 111, 250],
        "#\u{CCF}#": [2, 156, 111, 237, 2],
      ]
    ),
  ]

  @Test("Added tokens are found as in huggingface/tokenizers", arguments: 0..<added.count)
  func addedTokens(_ index: Int) throws {
    let (tokens, texts) = Self.added[index]
    let list = tokens.map { token in
      JSONValue.object([
        "id": .integer(token.id), "content": .string(token.content), "lstrip": .bool(token.flags.contains("l")),
        "rstrip": .bool(token.flags.contains("r")), "single_word": .bool(token.flags.contains("s")),
        "normalized": .bool(false), "special": .bool(false),
      ])
    }
    let tokenizer = try ByteLevelFixture(name: "gpt2").tokenizer(
      ["added_tokens": .array(list)], in: try TemporaryFolder())
    for (text, ids) in texts { #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)") }
  }

  @Test("A long text is not cut behind an added token, where the rest would begin anew")
  func cutsBehindTokens() throws {
    let list = JSONValue.array([.object(["id": .integer(12), "content": .string("a"), "normalized": .bool(true)])])
    let tokenizer = try ByteLevelFixture(name: "prefix_space").tokenizer(
      ["added_tokens": list], in: try TemporaryFolder())
    for length in 0..<6 {
      let text = String(repeating: "x", count: length) + String(repeating: "sea,la.a!", count: 700)
      let whole = TextBatch(bytes: Array(text.utf8), ends: [text.utf8.count], startsText: [true])
      #expect(tokenizer.encode(text) == tokenizer.encode(whole, threads: 1).ids)
    }
  }

  @Test("White space that is stripped again and again takes no more time than once")
  func strippedRuns() throws {
    let list = JSONValue.array([
      .object(["id": .integer(330), "content": .string(" "), "rstrip": .bool(true)]),
      .object(["id": .integer(331), "content": .string(" a"), "rstrip": .bool(true)]),
    ])
    let tokenizer = try ByteLevelFixture(name: "gpt2").tokenizer(["added_tokens": list], in: try TemporaryFolder())
    let ids = tokenizer.encode(String(repeating: " ", count: 200_000))
    #expect(ids.count == 200_000 && ids.allSatisfy { $0 == 330 })
  }
}
