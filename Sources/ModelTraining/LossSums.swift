/// What an objective found on some tokens, summed over the counted ones and not yet divided by anything.
public struct LossSums: Sendable, Equatable {
  /// The number of counted tokens.
  public var tokens: Int
  /// The quantity that is minimised, in the objective's own weights.
  public var loss: Double
  /// The cross-entropy with the targets, in nats, at temperature 1.
  public var crossEntropy: Double
  /// The divergence from the teacher, without temperature factors; nil without a teacher.
  public var divergence: Double?
  /// What is compared inside of the models, in the objective's weights; nil where nothing is.
  public var alignment: Double?

  /// The sums, as the properties say.
  public init(
    tokens: Int, loss: Double, crossEntropy: Double, divergence: Double? = nil, alignment: Double? = nil
  ) {
    self.tokens = tokens
    self.loss = loss
    self.crossEntropy = crossEntropy
    self.divergence = divergence
    self.alignment = alignment
  }

  /// The sums over no tokens.
  public static let zero = LossSums(tokens: 0, loss: 0, crossEntropy: 0)

  /// Adds the sums over other tokens.
  public static func += (sums: inout LossSums, others: LossSums) {
    sums.tokens += others.tokens
    sums.loss += others.loss
    sums.crossEntropy += others.crossEntropy
    if let divergence = others.divergence { sums.divergence = (sums.divergence ?? 0) + divergence }
    if let alignment = others.alignment { sums.alignment = (sums.alignment ?? 0) + alignment }
  }

  /// The means per counted token; zeros where none is counted.
  public var perToken: LossSums {
    let count = Double(max(1, tokens))
    return LossSums(
      tokens: tokens, loss: loss / count, crossEntropy: crossEntropy / count, divergence: divergence.map { $0 / count },
      alignment: alignment.map { $0 / count })
  }
}
