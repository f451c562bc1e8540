import ModelTraining

extension LossSums {
  /// The sums of the terms of counted tokens, and of what is compared inside of the models.
  init(_ terms: [DistillationObjective.Terms], alignment: Double? = nil) {
    self.init(tokens: terms.count, loss: alignment ?? 0, crossEntropy: 0, divergence: 0, alignment: alignment)
    for term in terms {
      self += LossSums(tokens: 0, loss: term.total, crossEntropy: term.crossEntropy, divergence: term.divergence)
    }
  }
}
