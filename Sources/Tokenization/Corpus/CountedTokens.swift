/// Which tokens of a row with a prompt count: in the loss of training, in perplexity and in comparisons. Of a text
/// without a prompt all tokens count.
public enum CountedTokens: String, Hashable, Sendable, Codable, CaseIterable {
  /// Completions alone: the default.
  case completions
  /// Prompts as well.
  case prompts
}
