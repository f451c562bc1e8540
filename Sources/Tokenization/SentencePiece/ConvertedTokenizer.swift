import DurableFiles
import Foundation

extension TokenizerJSONKind {
  /// SentencePiece's BPE in the form of a `tokenizer.json`, as Llama's and Gemma's: all BPE that is not of bytes.
  static let sentencePieceBPE = TokenizerJSONKind(
    name: "BPE of SentencePiece", recognises: { $0.modelType == "BPE" },
    load: { (json, beside) throws(TokenizationError) in
      try ConvertedTokenizer(json, filesBeside: beside.files, keepsSpecialText: beside.keepsSpecialText)
    })
}

/// A SentencePiece tokenizer that has no tokenizer.model: what a `tokenizer.json` says, done by libsentencepiece. Text
/// becomes the ids that huggingface/tokenizers 0.23 makes of it.
struct ConvertedTokenizer: Tokenizer {
  /// A model with the same pieces. (It is not written: files that were read are.)
  let base: SentencePieceTokenizer
  private let rules: SpaceRules
  /// Whether special tokens are not looked for in text.
  let keepsSpecialText: Bool
  let bosID: Int32?
  let files: [NamedFile]
  let digest: TokenizerDigest

  /// - Parameters:
  ///   - json: the file.
  ///   - filesBeside: it and the other files that belong to it.
  ///   - keepsSpecialText: whether special tokens are not looked for in text.
  /// - Throws: `value`, with the member, where libsentencepiece cannot do what the file says.
  init(_ json: TokenizerJSON, filesBeside: [NamedFile], keepsSpecialText: Bool) throws(TokenizationError) {
    rules = try SpaceRules(json)
    self.keepsSpecialText = keepsSpecialText
    let vocabulary = try ConvertedVocabulary(json, rules, keepsSpecialText: keepsSpecialText)
    let around = try json.surroundingTokens()
    guard around.before.count <= 1 else {
      throw json.invalid(
        "post_processor.single", expected: "at most one token before the text", found: "\(around.before.count)")
    }
    func name(_ id: Int32?, or others: String...) -> String {
      if let id, let piece = json.vocabulary.bytes(of: id) { return String(decoding: piece, as: UTF8.self) }
      return others.first { json.vocabulary.id(of: Array($0.utf8)) != nil } ?? others[0]
    }
    let names = SpecialPieces(
      bos: name(around.before.first, or: "<s>", "<bos>"), eos: name(around.after.last, or: "</s>", "<eos>"))
    base = try SentencePieceTokenizer(
      serialized: vocabulary.serialized(names, addsDummyPrefix: rules.prefix != .nothing), name: json.file,
      distinguishesSymbol: false)
    bosID = around.before.first
    files = filesBeside
    // a model whose every id is that of a tokenizer.model is the same tokenizer
    let isPlain = bosID == base.bosID && !rules.spaceStandsForPrefix && rules.prefix != .nothing
    let content = "Limbeck tokenizer.json 1\n\(base.digest)\n\(bosID ?? -1) \(rules.spaceStandsForPrefix)\n"
    digest = isPlain ? base.digest : TokenizerDigest(hexadecimal: Digest.sha256(of: Data(content.utf8)))
  }

  /// Whether a space at the beginning of a text stands for the one that is put in front of others.
  var addsPrefixUnlessThereIsOne: Bool { rules.spaceStandsForPrefix }

  var vocabularySize: Int { base.vocabularySize }
  var eosID: Int32? { base.eosID }
  var padID: Int32? { base.padID }
  var unknownID: Int32? { base.unknownID }

  func spelling(of id: Int32) -> String { base.spelling(of: id) }
  func id(spelled spelling: [UInt8]) -> Int32? { base.id(spelled: spelling) }
  func text(of id: Int32) -> String { base.text(of: id) }
  func details(of id: Int32) -> [TokenizerFact] { base.details(of: id) }

  var settings: [TokenizerFact] {
    base.settings + [
      TokenizerFact("space_in_place_of_dummy_prefix", "\(rules.spaceStandsForPrefix)"),
      TokenizerFact("U+2581 in text", "a space"),
    ]
  }

  /// U+2581 in text comes back as a space.
  var isLossless: Bool { false }

  func encode(_ batch: TextBatch, threads: Int) -> EncodedBatch {
    guard rules.spaceStandsForPrefix else { return base.encode(batch, threads: threads) }
    var batch = batch
    for (index, end) in batch.ends.enumerated() where batch.startsText[index] {
      let text = batch.bytes[(index == 0 ? 0 : batch.ends[index - 1])..<end]
      if text.first == UInt8(ascii: " ") || text.starts(with: SpaceRules.symbol.utf8) {
        batch.startsText[index] = false
      }
    }
    return base.encode(batch, threads: threads)
  }

  func moveToCut(_ place: inout Int, in text: borrowing Span<UInt8>) -> Bool { base.moveToCut(&place, in: text) }
  func makeDecoder(repairsUTF8: Bool) -> any TokenDecoder { base.makeDecoder(repairsUTF8: repairsUTF8) }
  func decode(_ ids: some Sequence<Int32>) -> String { base.decode(ids) }
}

extension ConvertedTokenizer: AddedTokenRules {
  var restartsTextAfterAddedTokens: Bool { rules.prefix == .everyPart }

  var normalizedBeginning: [UInt8] { rules.normalizesPrefix ? Array(SpaceRules.symbol.utf8) : [] }

  func normalized(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    guard rules.normalizesSpaces, text.contains(UInt8(ascii: " ")) else { return nil }
    // byte by byte: a space with an accent is a character of its own in strings
    return text.flatMap { $0 == UInt8(ascii: " ") ? Array(SpaceRules.symbol.utf8) : [$0] }
  }
}
