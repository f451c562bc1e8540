import GGUF

extension ByteLevelTokenizer: GGUFTokenizer {
  /// All tokens are normal ones; added ones are told on top of that.
  func vocabularyInGGUF() throws(TokenizationError) -> GGUFWrittenVocabulary {
    guard let pre = SplitName.name(of: preTokenizer, ignoresMerges: model.ignoresMerges) else {
      throw GGUFWrittenVocabulary.refusal(
        "ignore_merges", expected: "\(!model.ignoresMerges), with which llama.cpp has a name for the pre_tokenizer",
        found: "\(model.ignoresMerges)")
    }
    guard !preTokenizer.addsPrefixSpace else {
      throw GGUFWrittenVocabulary.refusal(
        "add_prefix_space", expected: "false, for llama.cpp puts no space in front of byte-level text", found: "true")
    }
    guard model.missingBytes.isEmpty || model.unknownID == nil else {
      throw GGUFWrittenVocabulary.refusal(
        "model.unk_token", expected: "none, for llama.cpp leaves out bytes without a token",
        found: "one for \(model.missingBytes.count) bytes")
    }
    let tokens = (0..<vocabularySize).map { id in
      vocabulary.bytes(of: Int32(id)).map {
        GGUFWrittenVocabulary.Token(bytes: Array($0), kind: .normal, score: 0)
      } ?? GGUFWrittenVocabulary.padding(id)
    }
    let merges = try files.tokenizerJSON().merges ?? []
    func bytes(_ id: Int32) -> ArraySlice<UInt8> { vocabulary.bytes(of: id) ?? [] }
    return GGUFWrittenVocabulary(
      model: GGUFTokenizerKind.byteLevelBPE.name, pre: pre, tokens: tokens,
      merges: merges.map { bytes($0.left) + [UInt8(ascii: " ")] + bytes($0.right) },
      preparation: normalizes ? .normalizes : [])
  }
}
