import Diagnostics

extension TrainingRecipe {
  /// What no run on CPUs comes near; above it, products of the sizes would overflow.
  private static let (largestBatch, mostTokensAtOnce) = (1 << 20, 1 << 24)

  /// Throws `value` for the first value that makes no sense.
  public func validate() throws(TrainingError) {
    switch (steps, epochs) {
    case (nil, nil): throw .value(InvalidValue("steps", expected: "steps or epochs", found: "neither"))
    case (_?, _?): throw .value(InvalidValue("steps", expected: "either steps or epochs", found: "both"))
    case (let steps?, nil): try requirePositive("steps", steps)
    case (nil, let epochs?): try require("epochs", epochs, "a number above 0") { $0 > 0 }
    }
    try requirePositive("batch-size", batchSize)
    guard batchSize <= Self.largestBatch else {
      throw .value(InvalidValue("batch-size", expected: "at most \(Self.largestBatch)", found: "\(batchSize)"))
    }
    if let microBatchSize {
      try requirePositive("micro-batch-size", microBatchSize)
      guard batchSize.isMultiple(of: microBatchSize) else {
        throw .value(
          InvalidValue(
            "micro-batch-size", expected: "a divisor of the batch size \(batchSize)", found: "\(microBatchSize)"))
      }
    }
    try requirePositive("sequence-length", sequenceLength)
    guard sequenceLength <= Self.mostTokensAtOnce / resolvedMicroBatchSize else {
      throw .value(
        InvalidValue(
          resolvedMicroBatchSize == 1 ? "sequence-length" : "micro-batch-size",
          expected: "at most \(Self.mostTokensAtOnce) tokens computed at once",
          found: "\(resolvedMicroBatchSize) sequences of \(sequenceLength)"))
    }
    try require("learning-rate", learningRate, "a number above 0") { $0 > 0 }
    try require("minimum-learning-rate-ratio", minimumLearningRateRatio, "a number from 0 to 1") { $0 >= 0 && $0 <= 1 }
    guard warmupSteps >= 0 else {
      throw .value(InvalidValue("warmup-steps", expected: "a number from 0", found: "\(warmupSteps)"))
    }
    if let steps { try requireWarmup(within: steps) }
    try require("beta1", beta1, "a number from 0 to below 1") { $0 >= 0 && $0 < 1 }
    try require("beta2", beta2, "a number from 0 to below 1") { $0 >= 0 && $0 < 1 }
    try require("epsilon", epsilon, "a number above 0") { $0 > 0 }
    try require("weight-decay", weightDecay, "a number from 0") { $0 >= 0 }
    try require("gradient-clip", gradientClip, "a number from 0") { $0 >= 0 }
    try requirePositive("evaluate-every", evaluateEvery ?? 1)
    try requirePositive("evaluation-sequences", evaluationSequences ?? 1)
    try requirePositive("checkpoint-every", checkpointEvery ?? 1)
    try requirePositive("kept-checkpoints", keptCheckpoints)
  }

  /// The number of optimiser steps over a text of so many sequences. Throws `value`.
  public func totalSteps(sequences: Int) throws(TrainingError) -> Int {
    try validate()
    if let steps { return steps }
    let total = ((epochs ?? 0) * Double(sequences) / Double(batchSize)).rounded(.up)
    guard total < 1e15 else {
      throw .value(InvalidValue("epochs", expected: "fewer than 10¹⁵ steps", found: "\(epochs ?? 0)"))
    }
    let steps = max(1, Int(total))
    try requireWarmup(within: steps)
    return steps
  }

  /// The first value that differs from those of `begun` and would change the weights, if the run went on with it: its
  /// key, and both values.
  ///
  /// What only decides how often something is measured or kept may differ. Steps and epochs may differ where the
  /// learning rate is constant, for then no step depends on how many follow; not in a run `ofFixedLength`.
  func firstObstacle(
    toResuming begun: TrainingRecipe, ofFixedLength: Bool = false
  ) -> (key: String, begun: String, now: String)? {
    func difference<Value: Equatable>(
      _ key: String, _ value: (TrainingRecipe) -> Value
    ) -> (key: String, begun: String, now: String)? {
      let (old, new) = (value(begun), value(self))
      return old == new ? nil : (key, "\(old)", "\(new)")
    }
    let length: [(key: String, begun: String, now: String)?] =
      decay == .constant && !ofFixedLength
      ? [] : [difference("steps") { $0.steps ?? 0 }, difference("epochs") { $0.epochs ?? 0 }]
    let others = [
      difference("batch-size", \.batchSize), difference("micro-batch-size", \.resolvedMicroBatchSize),
      difference("sequence-length", \.sequenceLength), difference("learning-rate", \.learningRate),
      difference("minimum-learning-rate-ratio", \.minimumLearningRateRatio),
      difference("warmup-steps", \.warmupSteps), difference("schedule", \.decay.rawValue),
      difference("beta1", \.beta1), difference("beta2", \.beta2), difference("epsilon", \.epsilon),
      difference("weight-decay", \.weightDecay), difference("gradient-clip", \.gradientClip),
      difference("seed", \.seed),
    ]
    return (length + others).lazy.compactMap { $0 }.first
  }

  private func requireWarmup(within steps: Int) throws(TrainingError) {
    guard warmupSteps <= steps else {
      throw .value(
        InvalidValue(
          "warmup-steps", expected: "at most the \(steps) steps of the run", found: "\(warmupSteps)"))
    }
  }

  private func requirePositive(_ key: String, _ value: Int) throws(TrainingError) {
    guard value > 0 else { throw .value(InvalidValue(key, expected: "a whole number above 0", found: "\(value)")) }
  }

  private func require(
    _ key: String, _ value: Double, _ expected: String, _ condition: (Double) -> Bool
  ) throws(TrainingError) {
    guard value.isFinite, condition(value) else {
      throw .value(InvalidValue(key, expected: expected, found: "\(value)"))
    }
  }
}
