import DurableFiles
import Foundation
import TestSupport
import Testing

@testable import Tokenization

@Suite("Vocabulary reduction") struct VocabularyReductionTests {
  /// A BPE of SentencePiece with bytes, pieces of any score, some of the user's and some unused.
  private static func sentencePieceBPE(seed: UInt64) throws -> SentencePieceTokenizer {
    var generator = RepeatableGenerator(seed: seed)
    var writer = ModelProtoWriter()
    writer.add(piece: "<unk>".utf8, score: 0, kind: .unknown)
    for piece in ["<s>", "</s>"] { writer.add(piece: piece.utf8, score: 0, kind: .control) }
    for byte in UInt8.min...UInt8.max {
      writer.add(piece: ConvertedVocabulary.spelling(ofByte: byte).utf8, score: 0, kind: .byte)
    }
    var pieces = ["a", "b", "c", "é", "\u{2581}"]
    while pieces.count < 60 {
      let made = pieces.randomElement(using: &generator)! + pieces.randomElement(using: &generator)!
      if made.unicodeScalars.count <= 12, !pieces.contains(made) { pieces.append(made) }
    }
    for piece in pieces.shuffled(using: &generator) {
      // scores in no order, some of them equal
      let (score, draw) = (-Float(Int.random(in: 0..<40, using: &generator)), Int.random(in: 0..<20, using: &generator))
      let kind: PieceKind = piece.count == 1 ? .normal : draw == 0 ? .userDefined : .normal
      writer.add(piece: piece.utf8, score: score, kind: draw == 1 && seed.isMultiple(of: 2) ? .unused : kind)
    }
    writer.addSpecs(of: SpecialPieces(), modelType: 2, size: 0, byteFallback: true, addsDummyPrefix: false)
    return try SentencePieceTokenizer(serialized: writer.bytes)
  }

  private static func text(length: Int, using generator: inout RepeatableGenerator) -> String {
    String((0..<length).map { _ in "aaabbbccé  xß\n".randomElement(using: &generator)! })
  }

  /// Reduces by one text, and checks that text and others.
  private static func check(_ tokenizer: any Tokenizer, seed: UInt64, _ makeText: (inout RepeatableGenerator) -> String)
    throws
  {
    var generator = RepeatableGenerator(seed: seed)
    let text = makeText(&generator)
    let corpus = try Corpus(texts: [text])
    let counts = try TokenCounts(of: corpus, by: tokenizer)
    let reduced = try ReducedTokenizer(tokenizer, by: VocabularyReduction(of: tokenizer, keeping: counts))
    let old = tokenizer.encode(text)
    #expect(counts.tokens == old.count)
    #expect(reduced.tokenizer.encode(text) == old.map { reduced.reduction.newID(of: $0) ?? -1 }, "seed \(seed)")
    #expect(try reduced.requireSameTokens(as: tokenizer, on: corpus) == old.count)
    for _ in 0..<3 {
      let other = makeText(&generator)
      #expect(reduced.tokenizer.decode(reduced.tokenizer.encode(other)) == tokenizer.decode(tokenizer.encode(other)))
    }
  }

  @Test("Random BPE of SentencePiece: the text keeps its pieces one to one")
  func sentencePiece() throws {
    for seed in 0..<300 as Range<UInt64> {
      let tokenizer = try Self.sentencePieceBPE(seed: seed)
      let length = seed.isMultiple(of: 50) ? 5000 : Int(seed % 97) + 1
      try Self.check(tokenizer, seed: seed) { Self.text(length: length, using: &$0) }
    }
  }

  @Test("Tokens that a vocabulary only reserves go, but for those of the text and those that the model names")
  func placeholders() throws {
    var writer = ModelProtoWriter()
    writer.add(piece: "<unk>".utf8, score: 0, kind: .unknown)
    for sign in ["<s>", "</s>", "<unused0>", "<unused17>", "<unusedx>", "<|reserved_special_token_3|>"] {
      writer.add(piece: sign.utf8, score: 0, kind: .control)
    }
    writer.add(piece: "<unused1>".utf8, score: 0, kind: .userDefined)
    writer.add(piece: "<unused2>".utf8, score: 0, kind: .userDefined)
    for byte in UInt8.min...UInt8.max {
      writer.add(piece: ConvertedVocabulary.spelling(ofByte: byte).utf8, score: 0, kind: .byte)
    }
    for piece in ["a", "\u{2581}"] { writer.add(piece: piece.utf8, score: -1, kind: .normal) }
    writer.addSpecs(of: SpecialPieces(), modelType: 2, size: 0, byteFallback: true, addsDummyPrefix: false)
    let tokenizer = try SentencePieceTokenizer(serialized: writer.bytes)
    let corpus = try Corpus(texts: ["a <unused1> a"])
    let reduced = try ReducedTokenizer(
      tokenizer,
      by: VocabularyReduction(
        of: tokenizer, keeping: TokenCounts(of: corpus, by: tokenizer),
        special: [try #require(tokenizer.id(ofPiece: "<unused17>"))]))
    let names = reduced.reduction.keptIDs.map { tokenizer.spelling(of: $0) }
    let kept = names.filter { $0.contains("unused") || $0.contains("reserved") }
    #expect(kept == ["<unused17>", "<unusedx>", "<unused1>"])
    #expect(try reduced.requireSameTokens(as: tokenizer, on: corpus) == tokenizer.encode("a <unused1> a").count)
    // text that spells one of those that are gone is spelled in pieces
    #expect(reduced.tokenizer.decode(reduced.tokenizer.encode("<unused2>")) == "<unused2>")
  }

  @Test("A piece that only lost against others is left out, one that was passed through is not")
  func passedThrough() throws {
    var writer = ModelProtoWriter()
    writer.add(piece: "<unk>".utf8, score: 0, kind: .unknown)
    for byte in UInt8.min...UInt8.max {
      writer.add(piece: ConvertedVocabulary.spelling(ofByte: byte).utf8, score: 0, kind: .byte)
    }
    for (rank, piece) in ["ab", "bc", "abc", "abcd", "a", "b", "c", "d", "\u{2581}"].enumerated() {
      writer.add(piece: piece.utf8, score: -Float(rank), kind: .normal)
    }
    writer.addSpecs(of: SpecialPieces(), modelType: 2, size: 0, byteFallback: true, addsDummyPrefix: false)
    let tokenizer = try SentencePieceTokenizer(serialized: writer.bytes)
    let counts = try TokenCounts(of: Corpus(texts: ["abcd"]), by: tokenizer)
    #expect(counts.tokens == 1)
    let reduction = try VocabularyReduction(of: tokenizer, keeping: counts)
    let pieces = reduction.keptIDs.filter { $0 > 256 }.map { tokenizer.spelling(of: $0) }
    #expect(pieces == ["ab", "abc", "abcd", "a", "b", "c", "d", "\u{2581}"])
  }

  /// The tokenizer.json of a byte-level BPE with random merges; some tokens have several, some none.
  private static func byteLevelJSON(seed: UInt64) throws -> String {
    var generator = RepeatableGenerator(seed: seed)
    var pieces = (UInt8.min...UInt8.max).map { ByteAlphabet.standard.spelling(of: [$0]) }
    let letters = "abc".map { String($0) } + [ByteAlphabet.standard.spelling(of: [0x20])]
    var merges: [[String]] = []
    while merges.count < 80 {
      let known = letters + pieces.dropFirst(256)
      let pair = [known.randomElement(using: &generator)!, known.randomElement(using: &generator)!]
      if pair.joined().count > 10 || merges.contains(pair) { continue }
      merges.append(pair)
      if !pieces.contains(pair.joined()) { pieces.append(pair.joined()) }
    }
    merges.shuffle(using: &generator)
    pieces += ["abcabcabc abc", "<|end|>"].map { $0.replacing(" ", with: letters[3]) }.filter { !pieces.contains($0) }
    let vocabulary = Dictionary(uniqueKeysWithValues: pieces.enumerated().map { ($1, JSONValue.integer($0)) })
    return JSONValue.object([
      "added_tokens": .array([]), "decoder": .object(["type": .string("ByteLevel")]),
      "pre_tokenizer": .object([
        "type": .string("ByteLevel"), "add_prefix_space": .bool(false), "use_regex": .bool(true),
      ]),
      "model": .object([
        "type": .string("BPE"), "vocab": .object(vocabulary), "ignore_merges": .bool(seed.isMultiple(of: 2)),
        "merges": .array(
          merges.map { seed % 3 == 0 ? .string($0.joined(separator: " ")) : .array($0.map { .string($0) }) }),
      ]),
    ]).text()
  }

  @Test("Random byte-level BPE: the text keeps its tokens one to one")
  func byteLevel() throws {
    for seed in 0..<120 as Range<UInt64> {
      let json = try Self.byteLevelJSON(seed: seed)
      let file = NamedFile(name: "tokenizer.json", contents: Data(json.utf8))
      let tokenizer = try ByteLevelTokenizer([file].tokenizerJSON(), files: [file])
      #expect(tokenizer.isLossless)
      try Self.check(tokenizer, seed: seed) { generator in
        let length = seed.isMultiple(of: 40) ? 4000 : Int(seed % 89) + 1
        return Self.text(length: length, using: &generator)
      }
    }
  }

  @Test("Trained tokenizers of all kinds; without bytes all characters stay")
  func trained() throws {
    for (name, tokenizer) in Trained.all + [("standard", Trained.standard), ("normalising", Trained.normalising)] {
      let corpus = try Corpus(texts: [String(Trained.text.prefix(3000)), "ter  \u{2581}x\u{301}中\n\n"])
      let counts = try TokenCounts(of: corpus, by: tokenizer)
      let reduction = try VocabularyReduction(of: tokenizer, keeping: counts)
      let reduced = try ReducedTokenizer(tokenizer, by: reduction)
      #expect(reduction.keptIDs.count < tokenizer.vocabularySize, "\(name)")
      #expect(try reduced.requireSameTokens(as: tokenizer, on: corpus) == counts.tokens, "\(name)")
      #expect(reduced.tokenizer.isLossless == tokenizer.isLossless)
      let lost = Set(0..<Int32(tokenizer.vocabularySize)).subtracting(reduction.keptIDs).map { tokenizer.kind($0) }
      #expect(lost.allSatisfy { $0 == .normal })
      var generator = RepeatableGenerator(seed: 5)
      for _ in 0..<20 {
        let text = randomUnicode(length: 30, using: &generator) + inventedText(sentences: 3, seed: generator.next())
        #expect(
          reduced.tokenizer.decode(reduced.tokenizer.encode(text)) == tokenizer.decode(tokenizer.encode(text)),
          "\(name): \(text.debugDescription)")
      }
    }
  }

  @Test("The most frequent tokens of another text stay as well, with what they are made of")
  func others() throws {
    let tokenizer = Trained.bpe
    let (text, other) = (try Corpus(texts: ["ba lo"]), try Corpus(texts: [Trained.text]))
    let (counts, others) = (try TokenCounts(of: text, by: tokenizer), try TokenCounts(of: other, by: tokenizer))
    let needed = try VocabularyReduction(of: tokenizer, keeping: counts)
    let more = try VocabularyReduction(of: tokenizer, keeping: counts, and: others, mostFrequent: 10)
    let added = Set(more.keptIDs).subtracting(needed.keptIDs)
    #expect(added.count >= 10 && Set(needed.keptIDs).isSubset(of: more.keptIDs))
    let best = others.usedIDs.filter { needed.newID(of: $0) == nil }
      .sorted { others.counts[Int($0)] > others.counts[Int($1)] }.prefix(8)
    #expect(best.allSatisfy(added.contains))
    for id in added { #expect(tokenizer.derivation(of: id).allSatisfy { more.newID(of: $0) != nil }) }
    let all = try VocabularyReduction(of: tokenizer, keeping: counts, and: others, mostFrequent: .max)
    let reduced = try ReducedTokenizer(tokenizer, by: all)
    try reduced.requireSameTokens(as: tokenizer, on: other)
  }

  @Test("A tokenizer of words is refused; a difference is told by its token")
  func refusals() throws {
    var writer = ModelProtoWriter()
    for (piece, kind) in [("<unk>", PieceKind.unknown), ("\u{2581}a", .normal)] {
      writer.add(piece: piece.utf8, score: 0, kind: kind)
    }
    writer.addSpecs(of: SpecialPieces(), modelType: 3, size: 2, byteFallback: false, addsDummyPrefix: true)
    let words = try SentencePieceTokenizer(serialized: writer.bytes)
    let refusal = #expect(throws: TokenizationError.self) {
      try VocabularyReduction(of: words, keeping: TokenCounts(of: Corpus(texts: ["a"]), by: words))
    }
    #expect(try #require(refusal).description.contains("expected BPE or unigram"))
    let counts = try TokenCounts(of: Corpus(texts: ["ba"]), by: Trained.bpe)
    let reduced = try ReducedTokenizer(Trained.bpe, by: VocabularyReduction(of: Trained.bpe, keeping: counts))
    let difference = #expect(throws: TokenizationError.self) {
      try reduced.requireSameTokens(as: Trained.bpe, on: Corpus(texts: ["ba", Trained.text]))
    }
    #expect(try #require(difference).description.contains("as before the vocabulary was reduced"))
  }
}
