import DurableFiles

/// The vocabulary of a `tokenizer.json` of type BPE as pieces of a SentencePiece model.
struct ConvertedVocabulary {
  /// An added token, as far as it matters to the pieces.
  fileprivate struct Added {
    let isSpecial: Bool
    /// Whether text that is encoded never has it, because it was cut out before.
    let isCutOut: Bool
  }

  private let json: TokenizerJSON
  private let byteFallback: Bool
  private let added: [Int32: Added]
  private let unknown: Int32
  private let order: MergeOrder
  private let kinds: [PieceKind]
  /// Ids of characters that have the place of their byte, as Gemma's tab has.
  private let bytePlaces: [Int32: UInt8]

  /// - Parameters:
  ///   - json: the file.
  ///   - rules: how it prepares text.
  ///   - keepsSpecialText: whether special tokens are not cut out of text.
  /// - Throws: `value` where libsentencepiece would not have the same ids.
  init(_ json: TokenizerJSON, _ rules: SpaceRules, keepsSpecialText: Bool) throws(TokenizationError) {
    self.json = json
    byteFallback = try json.flag("byte_fallback")
    added = json.addedByID(rules, keepsSpecialText: keepsSpecialText)
    unknown = try json.requireUnknown(byteFallback: byteFallback)
    bytePlaces = byteFallback ? try json.bytePlaces() : [:]
    var kinds: [PieceKind] = []
    var isSymbol: [Bool] = []
    for id in 0..<Int32(json.vocabulary.idEnd) {
      let piece = json.vocabulary.bytes(of: id)
      let isCharacter = piece.map { !$0.dropFirst().contains { $0 & 0xC0 != 0x80 } } ?? false
      let isByte = byteFallback && (bytePlaces[id] != nil || piece.flatMap(Self.byte) != nil)
      if piece?.contains(0) == true {
        throw json.invalid(
          "model.vocab", expected: "pieces without NUL, which SentencePiece cannot have",
          found: "id \(id): \(JSONValue.quoted(String(decoding: piece ?? [], as: UTF8.self)))")
      }
      if let piece, piece.count > ModelProto.longestPiece, added[id] == nil {
        throw json.invalid(
          "model.vocab", expected: "pieces of at most \(ModelProto.longestPiece) bytes",
          found: "\(piece.count) bytes for id \(id)", advice: "SentencePiece's trainer makes no longer ones")
      }
      let kind: PieceKind =
        if piece?.isEmpty != false { .control } else if id == unknown { .unknown } else if isByte {
          .byte
        } else if let token = added[id], !isCharacter {
          token.isSpecial ? .control : token.isCutOut ? .userDefined : .normal
        } else { .normal }
      kinds.append(kind)
      isSymbol.append(
        bytePlaces[id] != nil
          || [.normal, .userDefined].contains(kind) && (isCharacter || added[id]?.isCutOut != true))
    }
    self.kinds = kinds
    order = try Self.order(json, isSymbol: isSymbol, isCutOut: added.mapValues(\.isCutOut))
    if rules.cutsWords { try requireWords(isSymbol) }
  }

  /// The order of merges. Throws `value` where libsentencepiece would merge otherwise.
  private static func order(
    _ json: TokenizerJSON, isSymbol: [Bool], isCutOut: [Int32: Bool]
  ) throws(TokenizationError) -> MergeOrder {
    var merges: [TokenizerMerge] = []
    for (index, merge) in (json.merges ?? []).enumerated() {
      let ids = [merge.left, merge.right, merge.merged]
      // what is cut out of text is never merged
      if ids.contains(where: { isCutOut[$0] == true }) { continue }
      if let stray = ids.first(where: { !isSymbol[Int($0)] }) {
        throw json.invalid(
          "model.merges[\(index)]", expected: "pieces of text", found: json.quoted(stray),
          advice: "SentencePiece merges no bytes and no special tokens")
      }
      merges.append(merge)
    }
    do throws(MergeOrder.Conflict) { return try MergeOrder(merges, json.vocabulary, isSymbol: isSymbol) } catch {
      throw json.invalid(
        "model.merges",
        expected: "merges that SentencePiece has, too: of pieces, by what they become",
        found: "\(JSONValue.quoted(error.left)) and \(JSONValue.quoted(error.right)) "
          + (error.isLate ? "after merges that make other pieces" : "not among them, though together they are a piece"),
        advice: "such a BPE cannot be read; take the model's tokenizer.model")
    }
  }

  /// Checks that no piece has the beginning of a word inside. Throws `value`.
  private func requireWords(_ isSymbol: [Bool]) throws(TokenizationError) {
    let symbol = Array(SpaceRules.symbol.utf8)
    for id in 0..<Int32(json.vocabulary.idEnd) where isSymbol[Int(id)] {
      guard let piece = json.vocabulary.bytes(of: id), piece.dropFirst().firstRange(of: symbol) != nil,
        order.isMade(id)
      else { continue }
      throw json.invalid(
        "pre_tokenizer.split", expected: "false, for SentencePiece does not cut words",
        found: "true, and the piece \(json.quoted(id)) across two words")
    }
  }

  /// The serialized model.
  func serialized(_ names: SpecialPieces, addsDummyPrefix: Bool) -> [UInt8] {
    var names = names
    names.unknown = String(decoding: json.vocabulary.bytes(of: unknown) ?? [], as: UTF8.self)
    var writer = ModelProtoWriter()
    var next = order.madeCount
    for id in 0..<Int32(json.vocabulary.idEnd) {
      let kind = kinds[Int(id)]
      var score: Float = 0
      if kind == .normal || kind == .userDefined {
        if order.order[Int(id)] == .max {
          // the scores of what no merge makes, as SentencePiece's trainer gives them
          (score, next) = (-Float(next), next + 1)
        } else {
          score = -Float(order.order[Int(id)])
        }
      }
      let piece = json.vocabulary.bytes(of: id)
      if let byte = bytePlaces[id] {
        writer.add(piece: Self.spelling(ofByte: byte).utf8, score: 0, kind: .byte)
      } else if let piece, !piece.isEmpty {
        writer.add(piece: piece, score: score, kind: kind)
      } else {
        writer.add(piece: freeName(id).utf8, score: 0, kind: .control)
      }
    }
    writer.addSpecs(
      of: names, modelType: 2, size: json.vocabulary.idEnd, byteFallback: byteFallback,
      addsDummyPrefix: addsDummyPrefix)
    return writer.bytes
  }

  /// A name for an id that has none.
  private func freeName(_ id: Int32) -> String {
    var name = "<no token \(id)>"
    while json.vocabulary.id(of: Array(name.utf8)) != nil { name += ">" }
    return name
  }

  /// The byte that a piece `<0xNN>` stands for.
  static func byte(_ piece: ArraySlice<UInt8>) -> UInt8? {
    guard piece.count == 6, piece.starts(with: "<0x".utf8), piece.last == UInt8(ascii: ">") else { return nil }
    let digits = piece.dropFirst(3).prefix(2)
    guard digits.allSatisfy({ (0x30...0x39).contains($0) || (0x41...0x46).contains($0) }) else { return nil }
    return UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
  }

  static func spelling(ofByte byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return "<0x\(digits.count < 2 ? "0" : "")\(digits)>"
  }
}

extension TokenizerJSON {
  /// A member of the model that is true or false; false where it is missing or null. Throws `value`.
  fileprivate func flag(_ name: String) throws(TokenizationError) -> Bool {
    switch modelMembers[name] ?? .null {
    case .bool(let value): return value
    case .null: return false
    case let other: throw invalid("model.\(name)", expected: "true or false", found: other.oneLine)
    }
  }

  fileprivate func quoted(_ id: Int32) -> String {
    JSONValue.quoted(String(decoding: vocabulary.bytes(of: id) ?? [], as: UTF8.self))
  }

  /// The added tokens that are in the vocabulary.
  fileprivate func addedByID(_ rules: SpaceRules, keepsSpecialText: Bool) -> [Int32: ConvertedVocabulary.Added] {
    var added: [Int32: ConvertedVocabulary.Added] = [:]
    for case .object(let fields) in addedTokens {
      guard case .string(let content) = fields["content"], let id = vocabulary.id(of: Array(content.utf8)) else {
        continue
      }
      let isSpecial = fields["special"] == .bool(true)
      let isNormalized = fields["normalized"].map { $0 == .bool(true) } ?? !isSpecial
      added[id] = ConvertedVocabulary.Added(
        isSpecial: isSpecial,
        isCutOut: !(isSpecial && keepsSpecialText) && fields["single_word"] != .bool(true)
          && !(isNormalized && rules.normalizesPrefix) && !content.unicodeScalars.contains("\u{2581}"))
    }
    return added
  }

  /// The id of the unknown token. Throws `value` where there is none, or not one as SentencePiece's.
  fileprivate func requireUnknown(byteFallback: Bool) throws(TokenizationError) -> Int32 {
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      guard let value = modelMembers[key], value != .null, value != .string("") else { continue }
      throw invalid("model.\(key)", expected: "null", found: value.oneLine)
    }
    switch modelMembers["dropout"] ?? .null {
    case .null, .integer(0), .number(0): break
    case let other: throw invalid("model.dropout", expected: "null", found: other.oneLine)
    }
    if try flag("ignore_merges") { throw invalid("model.ignore_merges", expected: "false", found: "true") }
    let name: String
    switch modelMembers["unk_token"] ?? .null {
    case .string(let content): name = content
    case .null where byteFallback: name = SpecialPieces().unknown
    case let other: throw invalid("model.unk_token", expected: "a piece of the vocabulary", found: other.oneLine)
    }
    guard let id = vocabulary.id(of: Array(name.utf8)) else {
      throw invalid(
        "model.unk_token", expected: "a piece of the vocabulary", found: JSONValue.quoted(name),
        advice: "SentencePiece needs one")
    }
    if !byteFallback {
      guard try flag("fuse_unk") else {
        throw invalid(
          "model.fuse_unk", expected: "true, for SentencePiece has one unknown token for a run", found: "false")
      }
      guard vocabulary.id(of: Array(SpaceRules.symbol.utf8)) != nil else {
        throw invalid("model.vocab", expected: "the piece \(SpaceRules.symbol)", found: "none")
      }
    }
    return id
  }

  /// Checks that there are pieces for all bytes, and returns the ids of those that are spelled as the character. Throws
  /// `value`.
  fileprivate func bytePlaces() throws(TokenizationError) -> [Int32: UInt8] {
    var places: [Int32: UInt8] = [:]
    for byte in UInt8.min...UInt8.max
    where vocabulary.id(of: Array(ConvertedVocabulary.spelling(ofByte: byte).utf8)) == nil {
      guard byte < 0x80, let id = vocabulary.id(of: [byte]) else {
        throw invalid(
          "model.byte_fallback", expected: "a piece for each of the 256 bytes",
          found: "none for \(ConvertedVocabulary.spelling(ofByte: byte))")
      }
      places[id] = byte
    }
    return places
  }
}
