import Testing

@testable import Tokenization

@Suite("Encoding and decoding") struct RoundTripTests {
  @Test("Every text comes back", arguments: 0..<Trained.lossless.count)
  func everyText(_ index: Int) {
    let (name, tokenizer) = Trained.lossless[index]
    #expect(tokenizer.isLossless, "\(name)")
    var generator = RepeatableGenerator(seed: 7)
    var texts = [
      "", " ", "  ", "   leading", "trailing   ", "a  b   c", "\n", "\n\n\n", "a\nb\n", "\r\n", "a\r\nb\r\n",
      "\t\t a\t", "\0",
      "a\0b\0\0", "\u{2581}", "\u{2581}\u{2581}", " \u{2581} ", "a\u{2581}b \u{2581}", "<s>", "</s>", "<unk>", "<0x41>",
      "\u{2585}", "\u{2047}", "e\u{301}", "\u{301}", "👩‍💻🇩🇪", "\u{FEFF}x", "<user>a,b\"", Trained.text,
    ]
    texts += (0..<300).map { _ in randomUnicode(length: Int.random(in: 1...60, using: &generator), using: &generator) }
    texts.append(randomUnicode(length: 20_000, using: &generator))
    let all = tokenizer.encode(texts)
    for (text, ids) in zip(texts, all) {
      #expect(tokenizer.decodeBytes(ids) == Array(text.utf8), "\(name): \(text.debugDescription.prefix(200))")
      #expect(tokenizer.decode(ids).utf8.elementsEqual(text.utf8), "\(name): \(text.debugDescription.prefix(200))")
      #expect(tokenizer.encode(text) == ids)
      #expect(ids.allSatisfy { tokenizer.kind($0) != .control && tokenizer.kind($0) != .unknown })
    }
  }

  @Test("A dummy prefix goes in and comes out again")
  func dummyPrefix() throws {
    let tokenizer = Trained.withPrefix
    #expect(!tokenizer.isLossless)
    #expect(tokenizer.encode("") == [])
    let first = try #require(tokenizer.encode("lo").first)
    #expect(tokenizer.spelling(of: first).hasPrefix("\u{2581}"))
    for text in ["lo mi", " lo", "  lo", "a\nb", "中"] { #expect(tokenizer.decode(tokenizer.encode(text)) == text) }
    // As libsentencepiece: a literal U+2581 is a space.
    #expect(tokenizer.decode(tokenizer.encode("lo\u{2581}mi")) == "lo mi")
  }

  @Test("Without bytes, what the vocabulary lacks is unknown, once per run")
  func unknown() throws {
    let tokenizer = Trained.withoutBytes
    let ids = tokenizer.encode("ba 中中中 ba")
    #expect(ids.count { $0 == tokenizer.unknownID } == 1)
    #expect(tokenizer.decode(ids) == "ba  \u{2047}  ba")
  }

  @Test("Ids outside the vocabulary decode to nothing")
  func outsideVocabulary() {
    let tokenizer = Trained.unigram
    let ids = tokenizer.encode("é\u{1F469} ba")
    for id in [-1, Int32(tokenizer.vocabularySize), .max, .min] {
      #expect(tokenizer.decode([id]).isEmpty && tokenizer.decodeBytes([id]).isEmpty)
      for place in 0...ids.count {
        var longer = ids
        longer.insert(id, at: place)
        #expect(tokenizer.decode(longer) == tokenizer.decode(ids))
        #expect(tokenizer.decodeBytes(longer) == tokenizer.decodeBytes(ids))
      }
    }
  }

  @Test("Pieces, ids, kinds and scores fit together", arguments: 0..<Trained.all.count)
  func vocabulary(_ index: Int) {
    let tokenizer = Trained.all[index].1
    for id in 0..<Int32(tokenizer.vocabularySize) {
      #expect(tokenizer.id(ofPiece: tokenizer.spelling(of: id)) == id)
      #expect(tokenizer.score(id).isFinite)
    }
    #expect(tokenizer.id(ofPiece: "no such piece") == nil)
    #expect(tokenizer.kind(0) == .unknown)
    #expect(tokenizer.unknownID == 0)
    #expect(tokenizer.bosID == 1)
    #expect(tokenizer.eosID == 2)
    #expect(tokenizer.kind(1) == .control)
    #expect(tokenizer.decode([1, 2]) == "")
  }

  @Test("PAD and user-defined symbols have the ids asked for")
  func symbols() throws {
    let tokenizer = Trained.withManySymbols
    #expect(tokenizer.padID == 3)
    #expect(Trained.unigram.padID == nil)
    for symbol in ["\n", "\n\n", "<user>", "a,b", "\"", "é"] {
      let id = try #require(tokenizer.id(ofPiece: symbol), "\(symbol)")
      #expect(tokenizer.kind(id) == .userDefined)
      #expect(tokenizer.encode("ba\(symbol)lo").contains(id))
    }
  }

  @Test("Parts encoded on their own give the ids of the whole text", arguments: 0..<Trained.all.count)
  func parts(_ index: Int) {
    let (name, tokenizer) = Trained.all[index]
    var generator = RepeatableGenerator(seed: 3)
    let noise = randomUnicode(length: 6000, using: &generator).unicodeScalars.filter { $0 != "\u{2581}" }.map(
      String.init)
    for text in [
      inventedText(sentences: 200, seed: 9), inventedText(sentences: 200, seed: 10).filter { $0 != "\n" },
      noise.joined(),
    ] {
      // What libsentencepiece makes of the text in one piece.
      let whole = tokenizer.idsByLibrary(text)
      #expect(tokenizer.encode(text) == whole, "\(name)")
      for size in [1, 7, 1000, 5000] {
        var encoder = TokenEncoder(tokenizer, threads: 2)
        var ids: [Int32] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
          ids += encoder.append(rest.prefix(size))
          rest = rest.dropFirst(size)
        }
        ids += encoder.finish()
        #expect(ids == whole, "\(name), parts of \(size) bytes")
      }
    }
  }

  @Test("Long texts are cut")
  func cuts() {
    let text = Array(Trained.text.utf8)
    for (name, tokenizer) in Trained.all {
      var place = TextCutter.shortestSegment
      #expect(tokenizer.moveToCut(&place, in: text.span), "\(name)")
      #expect(place < 2 * TextCutter.shortestSegment, "\(name)")
    }
  }
}
