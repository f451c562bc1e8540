import GGUF

extension SentencePieceTokenizer: GGUFTokenizer {
  /// Types and scores as they are; user-defined pieces have spaces as they stand in text.
  func vocabularyInGGUF() throws(TokenizationError) -> GGUFWrittenVocabulary {
    try requireLlama()
    let tokens = (0..<proto.pieces.count).map { id in
      let (piece, kind) = (Array(proto.pieces.bytes(at: id)), proto.kinds[id])
      return GGUFWrittenVocabulary.Token(
        bytes: kind == .userDefined ? Self.plain(piece) : piece, kind: kind, score: proto.scores[id])
    }
    return GGUFWrittenVocabulary(
      model: GGUFTokenizerKind.sentencePieceBPE.name, pre: "default", tokens: tokens,
      addsSpacePrefix: proto.normalizer.addsDummyPrefix, matchesSpecialTokens: false,
      preparation: proto.normalizer.removesExtraWhitespace ? .removesSpaces : [])
  }

  /// Checks that llama.cpp's BPE has the same ids: it normalises nothing, and ends the process at a character for
  /// which there is neither token nor byte (`llama_vocab::impl::byte_to_token`). Throws `value`.
  private func requireLlama() throws(TokenizationError) {
    let names = ["unigram", "BPE", "words", "characters"]
    let name = names[Int(proto.modelType) - 1]
    guard proto.modelType == 2 else {
      throw GGUFWrittenVocabulary.refusal(
        "model_type", expected: "BPE", found: name,
        advice: proto.modelType == 1
          ? "llama.cpp loses the bytes that stand in for what a unigram vocabulary lacks (ggml-org/llama.cpp#28862); "
            + "make a tokenizer with limbeck tokenizer train --algorithm bpe, and train with that"
          : "llama.cpp has none")
    }
    let normalizer = proto.normalizer
    let rules: [(holds: Bool, key: String, expected: String, found: String)] = [
      (proto.byteFallback, "byte_fallback", "true, for llama.cpp ends at a character without a token", "false"),
      (normalizer.charactersMap.isEmpty, "precompiled_charsmap", "none, for llama.cpp normalises nothing", "some"),
      (normalizer.escapesWhitespace, "escape_whitespaces", "true, as llama.cpp has it", "false"),
      (!proto.whitespaceIsSuffix, "treat_whitespace_as_suffix", "false, as llama.cpp has it", "true"),
    ]
    for rule in rules where !rule.holds {
      throw GGUFWrittenVocabulary.refusal(rule.key, expected: rule.expected, found: rule.found)
    }
  }

  /// A piece with a space for each U+2581.
  private static func plain(_ piece: [UInt8]) -> [UInt8] {
    let symbol = Array(SpaceRules.symbol.utf8)
    var (plain, place) = ([UInt8](), 0)
    while place < piece.count {
      if piece[place...].starts(with: symbol) {
        plain.append(UInt8(ascii: " "))
        place += symbol.count
      } else {
        plain.append(piece[place])
        place += 1
      }
    }
    return plain
  }
}

extension ConvertedTokenizer: GGUFTokenizer {
  func vocabularyInGGUF() throws(TokenizationError) -> GGUFWrittenVocabulary {
    guard !addsPrefixUnlessThereIsOne else {
      throw GGUFWrittenVocabulary.refusal(
        "pre_tokenizer", expected: "a space in front of every text, as llama.cpp has it",
        found: "none in front of a text that begins with one")
    }
    return try base.vocabularyInGGUF()
  }
}
