import Diagnostics

/// Makes tokens that were generated before less probable, as OpenAI defines it: of each logit, `frequency` is
/// subtracted for every time the token was generated, and `presence` once where it was at all. The prompt does not
/// count.
public struct OccurrencePenalty: LogitsProcessor {
  /// What is subtracted for every occurrence.
  public let frequency: Double
  /// What is subtracted once.
  public let presence: Double
  /// The tokens at the beginning of a sequence that do not count.
  public let promptCount: Int

  /// Throws `value` unless both penalties are from −2 to 2.
  public init(frequency: Double, presence: Double, promptCount: Int) throws(GenerationError) {
    for (key, value) in [("frequency-penalty", frequency), ("presence-penalty", presence)]
    where !(value >= -2 && value <= 2) {
      throw .value(InvalidValue(key, expected: "a number from -2 to 2", found: "\(value)"))
    }
    self.frequency = frequency
    self.presence = presence
    self.promptCount = promptCount
  }

  public func processLogits(_ logits: inout MutableSpan<Float>, history: TokenHistory) {
    // Counted anew for each token: tens of nanoseconds for each one before it, of which the attention to it in all
    // layers takes many times as many.
    var counts: [Int32: Int] = [:]
    for id in history.ids.dropFirst(promptCount) { counts[id, default: 0] += 1 }
    for (id, count) in counts { logits[Int(id)] -= Float(presence + Double(count) * frequency) }
  }
}
