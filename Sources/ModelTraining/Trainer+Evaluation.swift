import LanguageModels
import ModelEvaluation

extension Trainer {
  /// Measures the validation text, or as much of its start as the recipe says; nil once `isWanted`, which is asked
  /// after each batch of windows, says no. A loss that is not finite is a result like any other: the next step says
  /// what became of the weights.
  func evaluate(_ text: ValidationText, _ isWanted: (EvaluationProgress) -> Bool) -> ValidationResult? {
    guard let sums = withKeptWeights({ measure(text, isWanted) }) else { return nil }
    let means = sums.perToken
    let result = ValidationResult(
      step: state.step, tokens: sums.tokens, loss: means.loss, crossEntropy: means.crossEntropy,
      terms: means.terms)
    state.lastValidation = result
    if result.loss < state.bestValidation?.loss ?? .infinity { state.bestValidation = result }
    return result
  }

  private func measure(_ text: ValidationText, _ isWanted: (EvaluationProgress) -> Bool) -> LossSums? {
    let groups = text.groups(first: recipe.evaluationSequences)
    let totalTokens = text.countedTokens(ofFirst: recipe.evaluationSequences)
    // no step is taken meanwhile
    let model = model.frozen(isConstant: true)
    var sums = LossSums.zero
    var measured = 0
    for group in groups {
      let position = position(ofStep: totalSteps, firstSequence: measured)
      sums += objective.measure(model, on: text.batch(group), at: position)
      measured += group.count
      let progress = EvaluationProgress(
        tokens: sums.tokens, totalTokens: totalTokens, natsPerToken: sums.perToken.crossEntropy)
      guard isWanted(progress) || sums.tokens == totalTokens else { return nil }
    }
    return sums
  }
}
