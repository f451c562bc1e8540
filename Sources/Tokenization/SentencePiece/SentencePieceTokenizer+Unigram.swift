import DurableFiles
import Foundation

extension TokenizerJSONKind {
  /// A unigram model in the form in which Limbeck writes one beside a tokenizer.model, for a folder that has lost that.
  static let sentencePieceUnigram = TokenizerJSONKind(
    name: "a unigram model written by Limbeck", recognises: { $0.modelType == "Unigram" },
    load: { (json, beside) throws(TokenizationError) in try SentencePieceTokenizer(unigram: json, beside) })
}

extension SentencePieceTokenizer {
  /// The tokenizer whose `huggingFaceFiles` have this tokenizer.json. Throws `value` for others, whose text is prepared
  /// otherwise.
  convenience init(unigram json: TokenizerJSON, _ beside: HuggingFaceTokenizerFiles) throws(TokenizationError) {
    let steps = WrittenNormalizer(json.normalizer)
    var writer = ModelProtoWriter()
    let byteFallback = json.modelMembers["byte_fallback"] == .bool(true)
    guard let scores = json.vocabulary.scores, case .integer(let unknown) = json.modelMembers["unk_id"] else {
      throw json.invalid(
        "model.unk_id", expected: "the id of a piece", found: "\(json.modelMembers["unk_id"] ?? .null)")
    }
    let kinds = json.unigramKinds(scores, unknown: unknown, byteFallback: byteFallback)
    var names = SpecialPieces()
    for id in 0..<Int32(json.vocabulary.idEnd) {
      let piece = json.vocabulary.bytes(of: id) ?? []
      let kind = kinds[Int(id)]
      if kind == .unknown { names.unknown = String(decoding: piece, as: UTF8.self) }
      writer.add(piece: piece, score: [.normal, .userDefined].contains(kind) ? Float(scores[Int(id)]) : 0, kind: kind)
    }
    (names.bos, names.eos) = (beside.text(of: "bos_token") ?? names.bos, beside.text(of: "eos_token") ?? names.eos)
    names.pad = beside.text(of: "pad_token") ?? names.pad
    writer.addSpecs(
      of: names, modelType: 1, size: json.vocabulary.idEnd, byteFallback: byteFallback,
      addsDummyPrefix: steps.addsDummyPrefix, removesExtraWhitespace: steps.removesExtraWhitespace,
      charactersMap: steps.charactersMap)
    try self.init(serialized: writer.bytes, name: json.file, filesBeside: beside.files)
    let written = huggingFaceJSON ?? [:]
    for (key, found) in [("normalizer", json.normalizer), ("pre_tokenizer", json.preTokenizer)]
    where written[key] != found {
      throw json.invalid(
        key, expected: "for a unigram model what Limbeck writes, \((written[key] ?? .null).oneLine)",
        found: found.oneLine, advice: "other unigram models need their tokenizer.model or spiece.model")
    }
  }
}

/// What a normalizer that Limbeck wrote says; of others something.
private struct WrittenNormalizer {
  var charactersMap: [UInt8] = []
  var addsDummyPrefix = false
  var removesExtraWhitespace = false

  init(_ normalizer: JSONValue) {
    guard case .object(let members) = normalizer, case .array(let steps) = members["normalizers"] else { return }
    for case .object(let step) in steps {
      switch step["type"] {
      case .string("Precompiled"):
        if case .string(let text) = step["precompiled_charsmap"] {
          charactersMap = Array(Data(base64Encoded: text) ?? Data())
        }
      case .string("Prepend"): addsDummyPrefix = true
      case .string("Replace"): if step["content"] == .string("") { removesExtraWhitespace = true }
      default: break
      }
    }
  }
}

extension TokenizerJSON {
  /// What the pieces of a unigram model stand for. A piece of the user's that is a character of no other piece is not
  /// among the added tokens; its score, 0, is no logarithm of a learnt probability.
  fileprivate func unigramKinds(
    _ scores: [Double], unknown: Int, byteFallback: Bool
  ) -> [PieceKind] {
    var added: [Int32: Bool] = [:]
    for case .object(let fields) in addedTokens {
      guard case .integer(let id) = fields["id"], let id = Int32(exactly: id) else { continue }
      added[id] = fields["special"] == .bool(true)
    }
    return (0..<Int32(vocabulary.idEnd)).map { id in
      let piece = vocabulary.bytes(of: id) ?? []
      if Int(id) == unknown { return .unknown }
      if let isSpecial = added[id] { return isSpecial ? .control : .userDefined }
      if byteFallback, ConvertedVocabulary.byte(piece) != nil { return .byte }
      let isCharacter = !piece.dropFirst().contains { $0 & 0xC0 != 0x80 }
      return isCharacter && scores[Int(id)] == 0 ? .userDefined : .normal
    }
  }
}
