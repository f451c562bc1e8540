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
    let found = try withRoundedWeights { () throws(TrainingError) in try accumulateGradients(ofStep: number, isWanted) }
    guard let found else { return nil }
    let (sums, learningRate) = (found.sums, schedule.rate(atStep: number))
    let norm = trained.reduce(0) { $0 + $1.gradientSquareSum() }.squareRoot()
    try requireFinite(sums, norm, step: number)
    let factor = AdamW.clippingFactor(norm: norm, limit: recipe.gradientClip)
    optimizer.update(learningRate: learningRate, gradientScale: factor)
    objectiveOptimizer?.update(learningRate: learningRate, gradientScale: factor)
    state.step = number
    average?.update(step: number)
    state.sequencesRead += found.sequences
    state.updates = optimizer.updates
    state.tokensSeen += found.tokens
    state.seconds = clock.seconds
    let means = sums.perToken
    let isOnPolicy = objective.isOnPolicy(at: position(ofStep: number, firstSequence: 0))
    if means.crossEntropy.isFinite {
      state.record(
        StepLoss(
          step: number, tokens: found.countedTokens, loss: means.loss, crossEntropy: means.crossEntropy,
          isOnPolicy: isOnPolicy))
    }
    return TrainingStep(
      number: number, totalSteps: totalSteps, countedTokens: found.countedTokens, loss: means.loss,
      crossEntropy: means.crossEntropy, terms: means.terms, gradientNorm: norm,
      learningRate: learningRate,
      tokensPerSecond: Double(found.tokens) / max(clock.seconds - start, 1e-9),
      secondsRemaining: clock.secondsRemaining(after: number, of: totalSteps), tokensSeen: state.tokensSeen,
      isOnPolicy: isOnPolicy)
  }

  /// What a step has read and found, beside its gradients.
  private struct StepSums {
    var sums = LossSums.zero
    var countedTokens = 0
    var sequences = 0
    var tokens = 0
  }

  /// Reads the batch of a step and computes the gradients of its mean loss; nil once `isWanted` says no.
  private func accumulateGradients(
    ofStep number: Int, _ isWanted: (StepProgress) -> Bool
  ) throws(TrainingError) -> StepSums? {
    guard let batches = try nextBatches(ofStep: number, isWanted) else { return nil }
    var step = StepSums()
    step.tokens = batches.reduce(0) { $0 + $1.ids.count }
    // Sums are divided once, by the counted tokens of the whole step.
    step.countedTokens = batches.reduce(0) { $0 + $1.countedTokens }
    guard step.countedTokens > 0 else { throw .nothingCounted(text: data.name) }
    var isAbandoned = false
    let size = batches.reduce(0) { $0 + $1.batchSize }
    // the buffers of other shapes, as of a last batch or of completions, would come on top of those that are there
    let shapes = batches.map { [$0.batchSize, $0.length] }
    if shapes != lastShapes { model.device.releaseFreeMemory() }
    lastShapes = shapes
    for parameters in trained { parameters.zeroGradients() }
    for batch in batches where !isAbandoned {
      let sums = objective.accumulateGradientsInMicroBatches(
        of: model, on: batch, at: position(ofStep: number, firstSequence: step.sequences),
        scale: 1 / Double(step.countedTokens)
      ) {
        isAbandoned =
          isAbandoned || !isWanted(.init(number: number, sequencesDone: step.sequences, sequenceCount: size))
        return !isAbandoned
      }
      step.sums += sums
      step.sequences += batch.batchSize
    }
    return isAbandoned ? nil : step
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
      seed: recipe.seed,
      hasReadText: order.hasReadText(from: state.sequencesBefore ?? 0, to: state.sequencesRead))
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
