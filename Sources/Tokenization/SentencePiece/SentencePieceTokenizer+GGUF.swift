import DurableFiles
import GGUF

extension GGUFTokenizerKind {
  /// SentencePiece's BPE ("SPM" in llama.cpp), as Llama's, Mistral's and Gemma's models have it.
  static let sentencePieceBPE = GGUFTokenizerKind(
    name: "llama",
    load: { (vocabulary) throws(TokenizationError) in
      let model = try GGUFPieces(vocabulary)
      var members: [String: JSONValue] = [:]
      if try vocabulary.flag("add_bos_token") == false { members["add_bos_token"] = .bool(false) }
      if let template = try vocabulary.chatTemplate() { members["chat_template"] = .string(template) }
      let tokenizer = try SentencePieceTokenizer(
        serialized: model.serialized, name: vocabulary.file,
        own: OwnFiles(configuration: members, others: vocabulary.originFiles()), distinguishesSymbol: true)
      if try vocabulary.matchesSpecialTokens() == false { return tokenizer }
      let beside = HuggingFaceTokenizerFiles(
        configuration: tokenizer.huggingFaceConfiguration, addedTokens: tokenizer.huggingFaceAddedTokens,
        prependsToParts: tokenizer.proto.normalizer.addsDummyPrefix)
      return try beside.adding(to: tokenizer, limit: nil)
    })
}

/// The vocabulary of a GGUF file as pieces of a SentencePiece model, with which libsentencepiece has the ids that
/// llama.cpp has: both merge the best-scored pair of neighbours again and again.
///
/// Types are believed, but for three things. A token that the file names as its unknown one, or as the one that begins
/// or ends texts or fills up batches, is that whatever its type. User-defined tokens have spaces as they stand in text;
/// pieces have U+2581 in their place. And scores of what is never merged are 0, as SentencePiece's trainer gives them,
/// and not -1000, as the converter does: so that the pieces are those of the original model. Names that the converter
/// made up behind all tokens (`[PAD7]`) are left out: a model may have more outputs than its tokenizer has tokens.
private struct GGUFPieces {
  /// The model.
  let serialized: [UInt8]

  /// Throws `value` where SentencePiece has no such model.
  init(_ vocabulary: GGUFVocabulary) throws(TokenizationError) {
    let scores = try vocabulary.scores()
    var types = vocabulary.types
    // the defaults of llama.cpp for this kind of vocabulary (`llama_vocab::impl::load`)
    let unknown = try Self.special("unknown_token_id", or: 0, in: vocabulary)
    let bos = try Self.special("bos_token_id", or: 1, in: vocabulary)
    let eos = try Self.special("eos_token_id", or: 2, in: vocabulary)
    let pad = try Self.special("padding_token_id", or: nil, in: vocabulary)
    guard let unknown = types.firstIndex(of: .unknown).map({ Int32($0) }) ?? unknown else {
      throw vocabulary.invalid(
        "unknown_token_id", expected: "a token that stands for what the vocabulary lacks", found: "none")
    }
    for id in types.indices where types[id] == .unknown { types[id] = .control }
    for id in [bos, eos, pad].compactMap(\.self) { types[Int(id)] = .control }
    types[Int(unknown)] = .unknown
    let byteFallback = try Self.hasBytes(vocabulary)

    var names = SpecialPieces()
    func name(_ id: Int32?, or other: String) -> String {
      id.map { vocabulary.text(Int($0)) } ?? other
    }
    names.unknown = name(unknown, or: names.unknown)
    (names.bos, names.eos, names.pad) = (name(bos, or: names.bos), name(eos, or: names.eos), name(pad, or: names.pad))
    var writer = ModelProtoWriter()
    let end = max(vocabulary.ownEnd, (types.lastIndex { $0 != .unused } ?? 0) + 1)
    for (id, kind) in types[..<end].enumerated() {
      let piece = vocabulary.pieces.bytes(at: id)
      guard !piece.contains(0) else {
        throw vocabulary.invalid(
          "tokens", expected: "tokens without NUL, which SentencePiece cannot have", found: "token \(id)")
      }
      let score = kind == .normal || kind == .unused ? scores[id] : 0
      if kind == .userDefined, piece.contains(UInt8(ascii: " ")) {
        let spaced = Self.spaced(piece)
        if let other = vocabulary.pieces.place(of: spaced) {
          throw vocabulary.invalid(
            "tokens", expected: "each token once, with U+2581 for spaces",
            found: "\(vocabulary.quoted(other)) as token \(other) and token \(id)")
        }
        writer.add(piece: spaced, score: score, kind: kind)
      } else {
        writer.add(piece: piece, score: score, kind: kind)
      }
    }
    writer.addSpecs(
      of: names, modelType: 2, size: end, byteFallback: byteFallback,
      addsDummyPrefix: try vocabulary.flag("add_space_prefix") ?? true,
      removesExtraWhitespace: try vocabulary.flag("remove_extra_whitespaces") ?? false)
    serialized = writer.bytes
  }

  /// A token with a meaning of its own: what the file says, else that which llama.cpp takes, if it is no text. Throws
  /// `value` for a byte.
  private static func special(
    _ key: String, or other: Int32?, in vocabulary: GGUFVocabulary
  ) throws(TokenizationError) -> Int32? {
    if let id = try vocabulary.id(key) {
      guard vocabulary.types[Int(id)] != .byte else {
        throw vocabulary.invalid(key, expected: "the id of a token that is no byte", found: "\(id)")
      }
      return id
    }
    guard let other, Int(other) < vocabulary.count else { return nil }
    return [.control, .unknown].contains(vocabulary.types[Int(other)]) ? other : nil
  }

  /// Whether there are pieces for all bytes, rather than for none. Throws `value` for anything between, and for tokens
  /// that stand for a byte and do not say which.
  private static func hasBytes(_ vocabulary: GGUFVocabulary) throws(TokenizationError) -> Bool {
    var known: Set<UInt8> = []
    for (id, type) in vocabulary.types.enumerated() where type == .byte {
      guard let byte = ConvertedVocabulary.byte(vocabulary.pieces.bytes(at: id)) else {
        throw vocabulary.invalid(
          "token_type", expected: "the type of bytes (6) for tokens such as <0x0A> alone",
          found: "it for token \(id), \(vocabulary.quoted(id))")
      }
      known.insert(byte)
    }
    if known.isEmpty { return false }
    if let byte = (UInt8.min...UInt8.max).first(where: { !known.contains($0) }) {
      throw vocabulary.invalid(
        "token_type", expected: "a token for each of the 256 bytes",
        found: "none for \(ConvertedVocabulary.spelling(ofByte: byte))")
    }
    return true
  }

  /// A piece with U+2581 for each space.
  private static func spaced(_ piece: ArraySlice<UInt8>) -> [UInt8] {
    piece.flatMap { $0 == UInt8(ascii: " ") ? Array(SpaceRules.symbol.utf8) : [$0] }
  }
}
