public import ModelTraining

extension LossTerm {
  /// The divergence from the teacher, without temperature factors.
  public static let divergence = LossTerm(
    "divergence", label: "divergence", title: "Divergence from the teacher",
    note: "per token; lines: training text, circles: validation text; each run in its own divergence and temperature")
  /// What is compared inside of the models, in the objective's weights.
  public static let alignment = LossTerm(
    "alignment", title: "Distance inside of the models",
    note: "hidden states or relations, weighted: lines for the training text, circles for the validation text")

  /// All that distillation may report, in the order in which it is shown.
  public static let ofDistillation = [divergence, alignment]
}

extension LossSums {
  /// The sums of what was found at counted tokens, and of what is compared inside of the models.
  init(_ found: [DistillationObjective.Terms], alignment: Double? = nil) {
    var loss = alignment ?? 0
    var (crossEntropy, divergence) = (0.0, 0.0)
    for token in found {
      loss += token.total
      crossEntropy += token.crossEntropy
      divergence += token.divergence
    }
    self.init(
      tokens: found.count, loss: loss, crossEntropy: crossEntropy, terms: LossTerms([(.divergence, divergence)]))
    terms[.alignment] = alignment
  }
}
