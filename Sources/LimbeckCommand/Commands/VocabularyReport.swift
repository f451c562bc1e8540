import ModelEvaluation

/// What `limbeck vocabulary` prints.
struct VocabularyReport: Encodable {
  /// The tokens of the text, which are the same as before.
  let tokens: Int
  /// The number of tokens in the vocabulary, now and before.
  let vocabulary, originalVocabulary: Int
  /// What the tokenizers are distinguished by.
  let digest, originalDigest: String
  /// The size of the weights' files in bytes.
  let weightBytes, originalWeightBytes: Int
  /// What the model loses on another text.
  let dropped: DroppedMass?

  /// The facts, one a line.
  var text: String {
    var facts = FactList()
    facts.add("vocabulary", "\(Format.count(vocabulary)) of \(Format.count(originalVocabulary)) tokens")
    facts.add("text", "\(Format.count(tokens, "token")), the same one by one as before")
    facts.add("weights", "\(Format.bytes(weightBytes)) of \(Format.bytes(originalWeightBytes))")
    facts.add("digest", "\(digest.prefix(16)), reduced from \(originalDigest.prefix(16))")
    if let dropped {
      func percent(_ share: Double) -> String { "\(Format.fixed(100 * share, 2)) %" }
      let positions = Format.count(dropped.tokens, "validation token")
      facts.add("probability lost", "mean \(percent(dropped.mean)) at \(positions)")
      facts.add("  median", percent(dropped.median))
      facts.add("  99th percentile", percent(dropped.percentile99))
      if let before = dropped.natsPerKeptToken, let after = dropped.natsPerKeptTokenRenormalised {
        facts.add(
          "nats per kept token",
          "\(Format.fixed(after, 4)) renormalised, \(Format.fixed(before, 4)) before "
            + "(\(Format.count(dropped.keptTokens)) of \(Format.count(dropped.tokens)) are kept)")
      }
    }
    return facts.text
  }
}
