import Diagnostics

extension TrainingRecipe {
  /// What no run on CPUs comes near; above it, products of the sizes would overflow.
  private static let (largestBatch, mostTokensAtOnce, mostEpochs) = (1 << 20, 1 << 24, 1_000_000)

  /// Throws `value` for the first value that makes no sense.
  public func validate() throws(TrainingError) {
    switch (steps, epochs) {
    case (nil, nil): throw .value(InvalidValue("steps", expected: "steps or epochs", found: "neither"))
    case (_?, _?): throw .value(InvalidValue("steps", expected: "either steps or epochs", found: "both"))
    case (let steps?, nil): try requirePositive("steps", steps)
    case (nil, let epochs?):
      try require("epochs", epochs, "a number above 0 and at most \(Self.mostEpochs)") {
        $0 > 0 && $0 <= Double(Self.mostEpochs)
      }
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
          found: "\(counted(resolvedMicroBatchSize, "sequence")) of \(sequenceLength)"))
    }
    // the optimiser computes in float32
    try require("learning-rate", learningRate, "a number above 0") { Float($0) > 0 }
    try require("minimum-learning-rate-ratio", minimumLearningRateRatio, "a number from 0 to 1") { $0 >= 0 && $0 <= 1 }
    guard warmupSteps >= 0 else {
      throw .value(InvalidValue("warmup-steps", expected: "a number from 0", found: "\(warmupSteps)"))
    }
    try require("beta1", beta1, "a number from 0 to below 1") { $0 >= 0 && Float($0) < 1 }
    try require("beta2", beta2, "a number from 0 to below 1") { $0 >= 0 && Float($0) < 1 }
    try require("epsilon", epsilon, "a number above 0") { Float($0) > 0 }
    // beyond these bounds no weight would move
    try require("epsilon", epsilon, "at most 1") { $0 <= 1 }
    try require("weight-decay", weightDecay, "a number from 0") { $0 >= 0 }
    try require("gradient-clip", gradientClip, "a number from 0") { $0 >= 0 }
    try require("gradient-clip", gradientClip, "0 for any norm, or at least 1e-6") { $0 == 0 || $0 >= 1e-6 }
    // the average is taken in float32
    try require("ema-decay", averageDecay ?? 0.5, "a number above 0 and below 1") { Float($0) > 0 && Float($0) < 1 }
    try requirePositive("evaluate-every", evaluateEvery ?? 1)
    try requirePositive("evaluation-sequences", evaluationSequences ?? 1)
    try requirePositive("checkpoint-every", checkpointEvery ?? 1)
    try requirePositive("kept-checkpoints", keptCheckpoints)
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
      // a run of fewer steps is warmed up over these
      difference("warmup-steps") { min($0.warmupSteps, $0.steps ?? .max) },
      difference("schedule", \.decay.rawValue),
      difference("beta1", \.beta1), difference("beta2", \.beta2), difference("epsilon", \.epsilon),
      difference("weight-decay", \.weightDecay), difference("gradient-clip", \.gradientClip),
      difference("student-weights") { $0.quantisedWeights?.rawValue ?? "float32" },
      difference("ema-decay") { $0.averageDecay.map(\.description) ?? "none" }, difference("seed", \.seed),
    ]
    return (length + others).lazy.compactMap { $0 }.first
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
    guard Float(value).isFinite else {
      throw .value(InvalidValue(key, expected: "at most \(Float.greatestFiniteMagnitude)", found: "\(value)"))
    }
  }
}
