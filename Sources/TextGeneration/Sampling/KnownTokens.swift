/// Leaves out the outputs that no token has: many models have more outputs than their tokenizer has tokens.
public struct KnownTokens: LogitsProcessor {
  /// The number of tokens; ids from here on are left out.
  public let count: Int

  /// The first `count` ids, at least 1, stay.
  public init(_ count: Int) {
    precondition(count >= 1, "\(count) tokens")
    self.count = count
  }

  public var usesHistory: Bool { false }

  /// Sets the logits of all other ids to −∞.
  public func processLogits(_ logits: inout MutableSpan<Float>, history: TokenHistory) {
    for id in min(count, logits.count)..<logits.count { logits[id] = -.infinity }
  }
}

extension TokenSampler {
  /// This sampler for a model with so many outputs and a tokenizer with `count` tokens: outputs without a token are left
  /// out before all else.
  public func choosing(among count: Int, of outputs: Int) -> TokenSampler {
    count < outputs ? TokenSampler([KnownTokens(count)] + processors, isGreedy: isGreedy) : self
  }
}
