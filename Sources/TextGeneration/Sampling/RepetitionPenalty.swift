import Diagnostics

/// Makes tokens that the sequence contains already less probable (Keskar et al. 2019).
public struct RepetitionPenalty: LogitsProcessor {
  /// What divides the logit of such a token if it is positive, and multiplies it if it is negative; 1 changes nothing.
  public let factor: Double

  /// Throws `value` unless the factor is finite and above 0.
  public init(_ factor: Double) throws(GenerationError) {
    guard factor > 0 && factor.isFinite else {
      throw .value(InvalidValue("repetition-penalty", expected: "a finite number above 0", found: "\(factor)"))
    }
    self.factor = factor
  }

  /// Each token is penalised once, however often it occurs.
  public func processLogits(_ logits: inout MutableSpan<Float>, history: TokenHistory) {
    let factor = Float(factor)
    for id in history.distinct {
      let logit = logits[Int(id)]
      logits[Int(id)] = logit < 0 ? logit * factor : logit / factor
    }
  }
}
