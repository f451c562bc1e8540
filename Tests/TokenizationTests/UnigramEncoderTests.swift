import Testing

@testable import Tokenization

@Suite("Our unigram encoder") struct UnigramEncoderTests {
  /// The ids of `text` as one piece of text that goes on from another.
  private func ids(_ text: String, _ tokenizer: SentencePieceTokenizer, ours: Bool) -> [Int32] {
    let encoder = BatchEncoder(
      start: tokenizer.encoder.start, inner: tokenizer.encoder.inner, spaced: nil,
      unigram: ours ? tokenizer.encoder.unigram : nil, literalSpace: nil)
    let bytes = Array(text.utf8)
    return encoder.encode(TextBatch(bytes: bytes, ends: [bytes.count], startsText: [false]), threads: 1).ids
  }

  @Test(
    "It has libsentencepiece's ids, whatever the text",
    arguments: Trained.all.indices.filter { Trained.all[$0].1.encoder.unigram != nil })
  func library(_ index: Int) {
    let (name, tokenizer) = Trained.all[index]
    var generator = RepeatableGenerator(seed: 21)
    let noise = (0..<40).map { randomUnicode(length: 50 * $0, using: &generator) }
    for text in ["", " ", "\u{2581}", "  \u{2581} a", inventedText(sentences: 2000, seed: 22)] + noise {
      #expect(ids(text, tokenizer, ours: true) == ids(text, tokenizer, ours: false), "\(name)")
    }
  }

  @Test("It is there for the unigram models that leave text as it is, and for no others")
  func models() {
    #expect(Trained.all.filter { $0.1.encoder.unigram != nil }.map(\.0) == ["unigram", "symbols", "no bytes"])
  }

  /// A model of `bytes`, and of random pieces with few different scores, so that ways through a text are often equal.
  private func randomModel(byteFallback: Bool, using generator: inout RepeatableGenerator) throws
    -> SentencePieceTokenizer
  {
    func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] { [number << 3 | 2, UInt8(bytes.count)] + bytes }
    func piece(_ text: String, _ score: Float, _ kind: PieceKind) -> [UInt8] {
      let bits = score.bitPattern
      let bytes = (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
      return field(1, field(1, Array(text.utf8)) + [2 << 3 | 5] + bytes + [3 << 3, kind.rawValue])
    }
    let alphabet = ["a", "b", "c", "\u{2581}", "\u{2581}", " ", "é", "中", "🦉", "\n"]
    var model = piece("<unk>", 0, .unknown)
    if byteFallback {
      for byte in 0..<256 {
        let digits = String(byte, radix: 16, uppercase: true)
        model += piece("<0x\(byte < 16 ? "0" : "")\(digits)>", 0, .byte)
      }
    }
    var texts: Set<String> = []
    let step: Float = Bool.random(using: &generator) ? 0.5 : 0.1
    for _ in 0..<Int.random(in: 1...150, using: &generator) {
      let text = (0..<Int.random(in: 1...5, using: &generator)).map { _ in
        alphabet.randomElement(using: &generator)!
      }.joined()
      guard texts.insert(text).inserted else { continue }
      let kinds: [PieceKind] = [.normal, .normal, .normal, .normal, .userDefined, .unused]
      model += piece(
        text, step * Float(Int.random(in: -30...3, using: &generator)), kinds.randomElement(using: &generator)!)
    }
    let trainer: [UInt8] = [3 << 3, 1] + (byteFallback ? [0x98, 0x02, 1] : [])
    return try SentencePieceTokenizer(
      serialized: model + field(2, trainer) + field(3, [3 << 3, 0, 4 << 3, 0]))
  }

  @Test("It has libsentencepiece's ids, whatever the pieces and scores", arguments: [false, true])
  func models(_ byteFallback: Bool) throws {
    var generator = RepeatableGenerator(seed: 23)
    for number in 0..<150 {
      let tokenizer = try randomModel(byteFallback: byteFallback, using: &generator)
      try #require(tokenizer.encoder.unigram != nil)
      for length in [1, 2, 5, 20, 500] {
        let text = (0..<length).map { _ in
          ["a", "b", "c", "é", "中", "🦉", "x", " ", " ", "\u{2581}", "\n", "\0"].randomElement(using: &generator)!
        }.joined()
        #expect(ids(text, tokenizer, ours: true) == ids(text, tokenizer, ours: false), "model \(number): \(text)")
      }
    }
  }
}

@Suite("Streaming encoder") struct StreamingEncoderTests {
  @Test("Parts of any size give the ids of the whole text", arguments: 0..<Trained.all.count)
  func parts(_ index: Int) throws {
    let (name, tokenizer) = Trained.all[index]
    var generator = RepeatableGenerator(seed: 31)
    let text = inventedText(sentences: 300, seed: 32) + randomUnicode(length: 3000, using: &generator)
    for size in [1, 1000, 1 << 20] {
      var encoder = StreamingEncoder(tokenizer, name: "text")
      var ids: [Int32] = []
      var rest = Array(text.utf8)[...]
      while !rest.isEmpty {
        ids += try encoder.append(Array(rest.prefix(size)))
        rest = rest.dropFirst(size)
      }
      ids += try encoder.finish()
      #expect(ids == tokenizer.encode(text), "\(name), parts of \(size) bytes")
    }
  }

  @Test("What is no UTF-8 is found, and where")
  func notUTF8() throws {
    var encoder = StreamingEncoder(Trained.unigram, name: "letter")
    _ = try encoder.append([0x61, 0x0A, 0xC3])
    #expect(throws: TokenizationError.notUTF8(file: "letter", byteOffset: 5, line: 3)) {
      try encoder.append([0xA9, 0x0A, 0xFF])
    }
    var unfinished = StreamingEncoder(Trained.unigram, name: "letter")
    _ = try unfinished.append([0x61, 0x0A, 0xC3])
    #expect(throws: TokenizationError.notUTF8(file: "letter", byteOffset: 3, line: 2)) { try unfinished.finish() }
  }
}
