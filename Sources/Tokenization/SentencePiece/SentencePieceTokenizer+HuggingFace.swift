import DurableFiles
import Foundation

/// What a tokenizer without files beside it says in those that are made for it.
struct OwnFiles: Sendable {
  /// Members of the tokenizer_config.json. By default text is text, even where it spells a special token, as it is to
  /// SentencePiece.
  var configuration: [String: JSONValue] = ["split_special_tokens": .bool(true)]
  /// Files of other names; none by default.
  var others: [NamedFile] = []
}

extension SentencePieceTokenizer {
  /// tokenizer.json and tokenizer_config.json, with which `AutoTokenizer` in transformers (4.57 and 5.24) has the ids
  /// that this tokenizer has, BOS in front. Where tokenizer.json cannot say what the tokenizer does, there is none, and
  /// transformers makes of tokenizer.model what it can.
  ///
  /// Two things differ. U+2581 in text is a space to transformers, also where this tokenizer is lossless. And of
  /// segmentations with the same score another may be chosen.
  var huggingFaceFiles: [NamedFile] {
    var configuration = huggingFaceConfiguration
    guard let tokenizer = tokenizerJSON else {
      configuration["tokenizer_class"] = .string("LlamaTokenizer")
      configuration["legacy"] = .bool(false)
      configuration["add_bos_token"] = .bool(beginsText)
      configuration["add_prefix_space"] = .bool(proto.normalizer.addsDummyPrefix)
      return [Self.file("tokenizer_config.json", configuration)] + own.others
    }
    configuration["tokenizer_class"] = .string("PreTrainedTokenizerFast")
    let file = NamedFile(name: TokenizerJSON.fileName, contents: Data(tokenizer))
    return [file, Self.file("tokenizer_config.json", configuration)] + own.others
  }

  /// The members of tokenizer_config.json, but for those that say how transformers reads the other files.
  var huggingFaceConfiguration: [String: JSONValue] {
    var members = own.configuration
    members["clean_up_tokenization_spaces"] = .bool(false)
    for (key, id) in [("bos_token", bosID), ("eos_token", eosID), ("pad_token", padID), ("unk_token", unknownID)] {
      members[key] = id.map { .string(spelling(of: $0)) }
    }
    return members
  }

  /// Whether BOS is put in front of text.
  private var beginsText: Bool { bosID != nil && own.configuration["add_bos_token"] != .bool(false) }

  private static func file(_ name: String, _ members: [String: JSONValue]) -> NamedFile {
    NamedFile(name: name, contents: Data((JSONValue.object(members).text() + "\n").utf8))
  }

  /// The content of tokenizer.json; nil where the format has no words for the tokenizer.
  private var tokenizerJSON: [UInt8]? {
    guard var members = huggingFaceJSON, let unknownID else { return nil }
    guard proto.modelType == 1 else { return bytePairFile(members, unknownID) }
    members["model"] = unigramModel(unknownID)
    return Array((JSONValue.object(members).text() + "\n").utf8)
  }

  /// The members of tokenizer.json (huggingface/tokenizers 0.22) but for the model; nil where the format has no words
  /// for the tokenizer.
  var huggingFaceJSON: [String: JSONValue]? {
    guard proto.modelType <= 2, proto.normalizer.escapesWhitespace, !proto.whitespaceIsSuffix, unknownID != nil else {
      return nil
    }
    return [
      "version": .string("1.0"), "truncation": .null, "padding": .null,
      "added_tokens": .array(huggingFaceAddedTokens),
      "normalizer": .of("Sequence", ["normalizers": .array(normalizers)]),
      "pre_tokenizer": proto.modelType == 1 ? preTokenizer : .null,
      "post_processor": postProcessor,
      "decoder": .of("Sequence", ["decoders": .array(decoders)]),
    ]
  }

  /// The elements of `added_tokens`.
  var huggingFaceAddedTokens: [JSONValue] {
    let plain = plainIDs
    return (0..<Int32(vocabularySize)).compactMap { id in
      let kind = kind(id)
      let isSpecial = kind == .control || kind == .unknown
      guard isSpecial || (kind == .userDefined && !plain.contains(id)) else { return nil }
      return .object([
        "id": .integer(Int(id)), "content": .string(isSpecial ? spelling(of: id) : text(of: id)),
        "single_word": .bool(false), "lstrip": .bool(false), "rstrip": .bool(false), "normalized": .bool(false),
        "special": .bool(isSpecial),
      ])
    }
  }

  /// The pieces of the user's that need no care: single characters that no other piece has.
  private var plainIDs: Set<Int32> {
    let known = (0..<Int32(vocabularySize)).filter { kind($0) != .control }
    var plain: [Unicode.Scalar: Int32] = [:]
    for id in known where kind(id) == .userDefined {
      let piece = spelling(of: id).unicodeScalars
      if piece.count == 1, let character = piece.first { plain[character] = id }
    }
    // what other pieces of the user's have goes first: often that is all
    for id in known.filter({ kind($0) == .userDefined }) + known {
      if plain.isEmpty { break }
      for character in spelling(of: id).unicodeScalars where plain[character] ?? id != id { plain[character] = nil }
    }
    return Set(plain.values)
  }

  private var normalizers: [JSONValue] {
    var steps: [JSONValue] = []
    let normalizer = proto.normalizer
    if !normalizer.charactersMap.isEmpty {
      let map = Data(normalizer.charactersMap).base64EncodedString()
      steps.append(.of("Precompiled", ["precompiled_charsmap": .string(map)]))
    }
    if normalizer.removesExtraWhitespace {
      steps.append(.replacing(["Regex": .string(#"\A +| +\z"#)], with: ""))
      steps.append(.replacing(["Regex": .string(" {2,}")], with: " "))
    }
    if normalizer.addsDummyPrefix { steps.append(.of("Prepend", ["prepend": .string("\u{2581}")])) }
    steps.append(.replacing(["String": .string(" ")], with: "\u{2581}"))
    return steps
  }

  /// A unigram model there finds all pieces in text, also those that are not text: they are cut after their first
  /// character. (BPE finds what is merged from parts that are text.)
  private var preTokenizer: JSONValue {
    var signs = (0..<Int32(vocabularySize)).compactMap { id -> String? in
      let scalars = spelling(of: id).unicodeScalars
      guard kind(id) == .control || kind(id) == .unknown, scalars.count > 1 else { return nil }
      return Self.pattern(scalars.prefix(1)) + "(?=" + Self.pattern(scalars.dropFirst()) + ")"
    }
    if proto.byteFallback { signs.append("<(?=0x[0-9A-F]{2}>)") }
    return .of(
      "Split",
      [
        "pattern": .object(["Regex": .string(signs.joined(separator: "|"))]),
        "behavior": .string("MergedWithPrevious"), "invert": .bool(false),
      ])
  }

  /// A regular expression for these characters as they are.
  private static func pattern(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    scalars.map { $0.isASCII && !$0.properties.isAlphabetic ? "\\x{\(String($0.value, radix: 16))}" : String($0) }
      .joined()
  }

  private var postProcessor: JSONValue {
    guard let bosID, beginsText else { return .null }
    return TokenizerJSON.beginning(with: spelling(of: bosID), id: bosID)
  }

  private var decoders: [JSONValue] {
    var steps: [JSONValue] = [
      .replacing(["String": .string("\u{2581}")], with: " "), .of("ByteFallback", [:]), .of("Fuse", [:]),
    ]
    let normalizer = proto.normalizer
    if normalizer.addsDummyPrefix || normalizer.removesExtraWhitespace {
      steps.append(.of("Strip", ["content": .string(" "), "start": .integer(1), "stop": .integer(0)]))
    }
    return steps
  }

  private func unigramModel(_ unknownID: Int32) -> JSONValue {
    let isText = { (kind: PieceKind) in kind == .normal || kind == .userDefined }
    // what is no text must not be found in it: below all that is
    let least = zip(proto.scores, proto.kinds).filter { isText($0.1) }.map(\.0).min() ?? 0
    let vocabulary = (0..<Int32(vocabularySize)).map { id in
      JSONValue.array([.string(spelling(of: id)), .number(Double(isText(kind(id)) ? score(id) : least - 1000))])
    }
    return .of(
      "Unigram",
      [
        "unk_id": .integer(Int(unknownID)), "vocab": .array(vocabulary), "byte_fallback": .bool(proto.byteFallback),
      ])
  }

  /// The pieces say which merges there are: all of two pieces that make a third, better scores first.
  private func bytePairFile(_ members: [String: JSONValue], _ unknownID: Int32) -> [UInt8] {
    // an added token is found in the vocabulary by its text
    let pieces = (0..<Int32(vocabularySize)).map { id in
      kind(id) == .userDefined ? Array(text(of: id).utf8) : Array(proto.pieces.bytes(at: Int(id)))
    }
    func normal(_ piece: ArraySlice<UInt8>) -> Int? {
      proto.pieces.place(of: piece).flatMap { proto.kinds[$0] == .normal ? $0 : nil }
    }
    var merges: [(score: Float, left: Int, right: Int)] = []
    for (id, piece) in pieces.enumerated() where proto.kinds[id] == .normal {
      for place in piece.indices.dropFirst() where piece[place] & 0xC0 != 0x80 {
        guard let left = normal(piece[..<place]), let right = normal(piece[place...]) else { continue }
        merges.append((proto.scores[id], left, right))
      }
    }
    merges.sort { ($1.score, $0.left, $0.right) < ($0.score, $1.left, $1.right) }
    return TokenizerJSONWriter(
      members,
      model: [
        "type": .string("BPE"), "unk_token": .string(spelling(of: unknownID)), "fuse_unk": .bool(true),
        "byte_fallback": .bool(proto.byteFallback), "dropout": .null, "continuing_subword_prefix": .null,
        "end_of_word_suffix": .null,
      ],
      pieces: pieces.lazy.enumerated().map { (id: $0.offset, piece: $0.element[...]) },
      merges: merges.lazy.map { (left: pieces[$0.left][...], right: pieces[$0.right][...]) }
    ).bytes
  }
}

extension JSONValue {
  /// An object of tokenizer.json: its type and its other members.
  fileprivate static func of(_ type: String, _ members: [String: JSONValue]) -> JSONValue {
    .object(members.merging(["type": .string(type)]) { own, _ in own })
  }

  fileprivate static func replacing(_ pattern: [String: JSONValue], with content: String) -> JSONValue {
    .of("Replace", ["pattern": .object(pattern), "content": .string(content)])
  }
}
