import GGUF

extension AddedTokenTokenizer: GGUFTokenizer {
  /// Special tokens are control tokens there, and others the user's.
  func vocabularyInGGUF() throws(TokenizationError) -> GGUFWrittenVocabulary {
    guard let base = base as? any GGUFTokenizer else {
      throw GGUFWrittenVocabulary.refusal(
        "kind", expected: "SentencePiece's BPE or byte-level BPE, which llama.cpp reads", found: "another one")
    }
    var vocabulary = try base.vocabularyInGGUF()
    vocabulary.matchesSpecialTokens = true
    let tokens = Array(added.values) + matched.filter { added[$0.id] == nil }
    for token in tokens.sorted(by: { $0.id < $1.id }) {
      let id = Int(token.id)
      vocabulary.pad(to: id + 1)
      let known = vocabulary.tokens[id].kind
      vocabulary.set(
        id,
        GGUFWrittenVocabulary.Token(
          bytes: Array(token.content.utf8), kind: known == .unknown ? known : token.isSpecial ? .control : .userDefined,
          // as the converter has it
          score: added[token.id] == nil ? vocabulary.tokens[id].score : -1000))
    }
    vocabulary.warnings += warnings(addsSpacePrefix: vocabulary.addsSpacePrefix)
    return vocabulary
  }

  /// What a file does not say of the added tokens.
  private func warnings(addsSpacePrefix: Bool) -> [String] {
    var warnings: [String] = []
    let strict = matched.filter { $0.stripsLeft || $0.stripsRight || $0.isSingleWord }
    if let first = strict.first {
      let others = strict.count > 1 ? " and \(strict.count - 1) more" : ""
      warnings.append(
        "added token \(first)\(others): a GGUF file does not say what becomes of the white space and words beside it")
    }
    if addsSpacePrefix, restartsText != .always, !matched.isEmpty {
      warnings.append("behind an added token, llama.cpp puts a space in front of text, which this tokenizer does not")
    }
    return warnings
  }
}
