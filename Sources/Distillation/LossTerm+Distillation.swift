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

  /// Σ p (log p − log q) at temperature 1, on the validation text, whatever is minimised.
  public static let klDivergence = LossTerm(
    "klDivergence", label: "KL", title: "KL divergence from the teacher, validation text",
    note: "nats per token, at temperature 1, whatever divergence and temperature a run trains with")
  /// H(p) of the teacher, or of the mixture of teachers, at temperature 1, on the validation text.
  public static let teacherEntropy = LossTerm(
    "teacherEntropy", title: "Entropy of the teacher's predictions, validation text",
    note: "nats per token, at temperature 1")

  /// What distillation may report of steps and evaluations, in the order in which it is shown.
  public static let ofDistillation = [divergence, alignment]
  /// What it may report of evaluations alone: of distributions at temperature 1, so that runs can be compared.
  public static let ofEvaluations = [klDivergence, entropy, teacherEntropy]
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
