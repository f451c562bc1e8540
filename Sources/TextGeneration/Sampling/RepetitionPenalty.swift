import Diagnostics

/// Makes tokens that the sequence contains already less probable (Keskar et al. 2019).
public struct RepetitionPenalty: LogitsProcessor {
  /// The factors with which no logit of a working model leaves the range of float32.
  public static let range = 1e-6...1e6

  /// What divides the logit of such a token if it is positive, and multiplies it if it is negative; 1 changes nothing.
  public let factor: Double

  /// Throws `value` unless the factor is within `range`.
  public init(_ factor: Double) throws(GenerationError) {
    guard Self.range.contains(factor) else {
      throw .value(
        InvalidValue(
          "repetition-penalty", expected: "a number from \(Self.range.lowerBound) to \(Self.range.upperBound)",
          found: "\(factor)"))
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
