import Diagnostics
import LanguageModels
import TensorCore

/// One step of the loop.
extension Trainer {
  /// Reads the next batch, moves the weights along its gradient, and counts the step. `isWanted` is asked before each
  /// part; once it says no, nothing is changed, and nil is returned.
  func takeStep(
    _ clock: RunClock, _ isWanted: (StepProgress) -> Bool
  ) throws(TrainingError) -> TrainingStep? {
    let start = clock.seconds
    let number = state.step + 1
    guard let batches = try nextBatches(ofStep: number, isWanted) else { return nil }
    // Sums are divided once, by the counted tokens of the whole step.
    let countedTokens = batches.reduce(0) { $0 + $1.countedTokens }
    guard countedTokens > 0 else { throw .nothingCounted(text: data.name) }
    let learningRate = schedule.rate(atStep: number)
    var (sums, sequences, isAbandoned) = (LossSums.zero, 0, false)
    let size = batches.reduce(0) { $0 + $1.batchSize }
    for parameters in trained { parameters.zeroGradients() }
    for batch in batches where !isAbandoned {
      sums += objective.accumulateGradientsInMicroBatches(
        of: model, on: batch, at: position(ofStep: number, firstSequence: sequences), scale: 1 / Double(countedTokens)
      ) {
        isAbandoned =
          isAbandoned || !isWanted(.init(number: number, sequencesDone: sequences, sequenceCount: size))
        return !isAbandoned
      }
      sequences += batch.batchSize
    }
    if isAbandoned { return nil }
    let norm = trained.reduce(0) { $0 + $1.gradientSquareSum() }.squareRoot()
    try requireFinite(sums, norm, step: number)
    let factor = AdamW.clippingFactor(norm: norm, limit: recipe.gradientClip)
    optimizer.update(learningRate: learningRate, gradientScale: factor)
    objectiveOptimizer?.update(learningRate: learningRate, gradientScale: factor)
    let tokens = batches.reduce(0) { $0 + $1.ids.count }
    state.step = number
    state.sequencesRead += sequences
    state.updates = optimizer.updates
    state.tokensSeen += tokens
    state.seconds = clock.seconds
    let means = sums.perToken
    let isOnPolicy = objective.isOnPolicy(at: position(ofStep: number, firstSequence: 0))
    if means.crossEntropy.isFinite {
      state.record(
        StepLoss(
          step: number, tokens: countedTokens, loss: means.loss, crossEntropy: means.crossEntropy,
          isOnPolicy: isOnPolicy))
    }
    return TrainingStep(
      number: number, totalSteps: totalSteps, countedTokens: countedTokens, loss: means.loss,
      crossEntropy: means.crossEntropy, terms: means.terms, gradientNorm: norm,
      learningRate: learningRate,
      tokensPerSecond: Double(tokens) / max(clock.seconds - start, 1e-9),
      secondsRemaining: clock.secondsRemaining(after: number, of: totalSteps), tokensSeen: state.tokensSeen,
      isOnPolicy: isOnPolicy)
  }

  /// The micro-batches of the step that comes next, as the objective has them; nil once `isWanted` says no.
  private func nextBatches(
    ofStep number: Int, _ isWanted: (StepProgress) -> Bool
  ) throws(TrainingError) -> [TokenBatch]? {
    let size = length.batchSize(after: state.sequencesRead - (state.sequencesBefore ?? 0))
    let micro = recipe.resolvedMicroBatchSize
    var batches: [TokenBatch] = []
    for start in stride(from: 0, to: size, by: micro) {
      let progress = StepProgress(number: number, sequencesDone: 0, sequenceCount: size)
      var isAbandoned = !isWanted(progress)
      if isAbandoned { return nil }
      let places = (start..<min(size, start + micro)).map { order.place(at: state.sequencesRead + $0) }
      let batch = try batch(places)
      batches.append(
        try objective.batch(inPlaceOf: batch, for: model, at: position(ofStep: number, firstSequence: start)) {
          isAbandoned = isAbandoned || !isWanted(progress)
          return !isAbandoned
        })
      if isAbandoned { return nil }
    }
    return batches
  }

  func position(ofStep number: Int, firstSequence: Int) -> StepPosition {
    StepPosition(
      step: number, totalSteps: totalSteps, stepsBefore: state.stepsBefore ?? 0, firstSequence: firstSequence,
      seed: recipe.seed)
  }

  private func batch(_ places: [SequencePlace]) throws(TrainingError) -> TokenBatch {
    let batch = data.batch(places)
    let vocabularySize = model.configuration.vocabularySize
    for ids in [batch.ids, batch.targets] {
      if let id = ids.first(where: { $0 >= vocabularySize }) {
        throw .value(
          InvalidValue(
            data.name, "token id", expected: "0 to \(vocabularySize - 1), the model's vocabulary", found: "\(id)",
            advice: "it was tokenised for another model"))
      }
    }
    return batch
  }

  private func requireFinite(_ sums: LossSums, _ norm: Double, step: Int) throws(TrainingError) {
    guard !sums.loss.isFinite || !norm.isFinite else { return }
    let tensor = trained.lazy.compactMap { $0.firstParameterWithNonFiniteGradient() }.first
    if sums.loss.isFinite {
      throw .notFinite(step: step, quantity: "gradient norm", value: norm.nonFiniteText, tensor: tensor)
    }
    throw .notFinite(step: step, quantity: "loss", value: sums.perToken.loss.nonFiniteText, tensor: tensor)
  }
}

extension Double {
  /// `nan` whatever its sign, which means nothing; else as usual.
  fileprivate var nonFiniteText: String { isNaN ? "nan" : "\(self)" }
}
