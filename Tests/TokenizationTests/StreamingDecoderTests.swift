import Testing
import Tokenization

@Suite("Streaming decoder") struct StreamingDecoderTests {
  private func streamed(_ ids: [Int32], _ tokenizer: SentencePieceTokenizer) -> (parts: [String], text: String) {
    var decoder = StreamingDecoder(tokenizer)
    var parts = ids.map { decoder.append($0) }
    parts.append(decoder.finish())
    return (parts, parts.joined())
  }

  @Test("All parts together are the text, for any ids whatever", arguments: 0..<Trained.all.count)
  func anyIDs(_ index: Int) throws {
    let (name, tokenizer) = Trained.all[index]
    var generator = RepeatableGenerator(seed: 11)
    let bytes = (0..<Int32(tokenizer.vocabularySize)).filter { tokenizer.kind($0) == .byte }
    let leads = bytes.filter { (UInt8(tokenizer.spelling(of: $0).dropFirst(3).dropLast(), radix: 16) ?? 0) >= 0x80 }
    for _ in 0..<2000 {
      let ids = (0..<Int.random(in: 0...12, using: &generator)).map { _ -> Int32 in
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: leads.randomElement(using: &generator) ?? 0
        case 1: bytes.randomElement(using: &generator) ?? 1
        case 2: Int32.random(in: 0...3, using: &generator)
        default: Int32.random(in: 0..<Int32(tokenizer.vocabularySize) + 1, using: &generator)
        }
      }
      #expect(streamed(ids, tokenizer).text.utf8.elementsEqual(tokenizer.decode(ids).utf8), "\(name): \(ids)")
    }
  }

  @Test("Text comes back", arguments: 0..<Trained.lossless.count)
  func text(_ index: Int) {
    let tokenizer = Trained.lossless[index].1
    var generator = RepeatableGenerator(seed: 13)
    for _ in 0..<200 {
      let text = randomUnicode(length: 30, using: &generator)
      #expect(streamed(tokenizer.encode(text), tokenizer).text.utf8.elementsEqual(text.utf8))
    }
  }

  @Test("A character is held until it is complete")
  func held() throws {
    let tokenizer = Trained.unigram
    let ids = try ["<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "<0x41>"].map { try #require(tokenizer.id(ofPiece: $0)) }
    #expect(streamed(ids, tokenizer).parts == ["", "", "", "😀", "A", ""])
    #expect(streamed(Array(ids[..<2]), tokenizer).parts == ["", "", "\u{FFFD}\u{FFFD}"])
    #expect(streamed([ids[0], ids[4]], tokenizer).parts == ["", "\u{FFFD}A", ""])
    #expect(tokenizer.decodeBytes(ids[..<2]) == [0xF0, 0x9F])
  }

  @Test("The dummy prefix is not shown, the second space is")
  func prefix() {
    let tokenizer = Trained.withPrefix
    for text in ["lo mi", " lo mi", "  lo"] {
      #expect(streamed(tokenizer.encode(text), tokenizer).text == text)
      #expect(streamed([1] + tokenizer.encode(text), tokenizer).text == text)
    }
  }
}
