/// What an objective found on some tokens, summed over the counted ones and not yet divided by anything.
public struct LossSums: Sendable, Equatable {
  /// The number of counted tokens.
  public var tokens: Int
  /// The quantity that is minimised, in the objective's own weights.
  public var loss: Double
  /// The cross-entropy with the targets, in nats, at temperature 1.
  public var crossEntropy: Double
  /// What else the objective reports.
  public var terms: LossTerms

  /// The sums, as the properties say.
  public init(tokens: Int, loss: Double, crossEntropy: Double, terms: LossTerms = LossTerms()) {
    self.tokens = tokens
    self.loss = loss
    self.crossEntropy = crossEntropy
    self.terms = terms
  }

  /// The sums over no tokens.
  public static let zero = LossSums(tokens: 0, loss: 0, crossEntropy: 0)

  /// Adds the sums over other tokens.
  public static func += (sums: inout LossSums, others: LossSums) {
    sums.tokens += others.tokens
    sums.loss += others.loss
    sums.crossEntropy += others.crossEntropy
    sums.terms += others.terms
  }

  /// The means per counted token; zeros where none is counted.
  public var perToken: LossSums {
    let count = Double(max(1, tokens))
    return LossSums(
      tokens: tokens, loss: loss / count, crossEntropy: crossEntropy / count, terms: terms.divided(by: count))
  }
}
