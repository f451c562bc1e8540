/// Everything about a training run that is neither model, objective nor data.
public struct TrainingRecipe: Codable, Sendable, Equatable {
  /// The number of optimiser steps; give this or `epochs`. Default nil.
  public var steps: Int?
  /// How often the text is gone through, rounded to whole sequences; give this or `steps`. The last step reads what
  /// is left, which may be less than a batch. Default nil.
  public var epochs: Double?
  /// B: sequences per optimiser step, or all of the text where it has fewer. Default 16.
  public var batchSize: Int
  /// The most sequences that are computed at once; divides `batchSize`, and is `batchSize` if nil. Less takes less
  /// memory and gives the same gradients but for rounding. Where it pays, they are computed some at a time anyway (see
  /// `TrainingObjective.accumulateGradientsInMicroBatches`).
  public var microBatchSize: Int?
  /// T: tokens per sequence. Default 256.
  public var sequenceLength: Int
  /// The highest learning rate. Default 1e-3.
  public var learningRate: Double
  /// The last step's learning rate as a part of the highest, 0 to 1. Default 0.1.
  public var minimumLearningRateRatio: Double
  /// Steps over which the learning rate rises; a run of fewer steps is warmed up over these. Default 0.
  public var warmupSteps: Int
  /// How the learning rate falls afterwards. Default cosine.
  public var decay: LearningRateDecay
  /// β₁, the decay rate of AdamW's first moment, the running mean of the gradients. Default 0.9.
  public var beta1: Double
  /// β₂, the decay rate of AdamW's second moment, the running mean of their squares. Default 0.95.
  public var beta2: Double
  /// ε, added to the root of the second moment. Default 1e-8.
  public var epsilon: Double
  /// Decoupled weight decay of the matrices; the embedding, norms and biases have none.
  /// Default 0.1.
  public var weightDecay: Double
  /// The largest norm of all gradients together; 0 for any. Default 1.
  public var gradientClip: Double
  /// The type of weights that the model is trained for: each step, and each evaluation, computes with what a file of
  /// this type holds of the weights, and the trained model consists of that. Default nil: float32.
  public var quantisedWeights: QuantisedWeights?
  /// The decay of a moving average of the weights, which is validated and kept in place of the weights after the last
  /// step: see `WeightAverage`. Default nil: none is taken.
  public var averageDecay: Double?
  /// Decides the order of the sequences, and where shifted cuts lie. (Fresh weights have a seed of their own.)
  /// Default 0.
  public var seed: UInt64
  /// Steps between evaluations on the validation text; nil, the default, for only one, at the end.
  public var evaluateEvery: Int?
  /// Windows of the validation text that are measured, from its start, of those with tokens that count; nil, the
  /// default, for all.
  public var evaluationSequences: Int?
  /// Steps between checkpoints; nil for only one, at the end or at a stop.
  public var checkpointEvery: Int?
  /// How many of the newest checkpoints are kept.
  public var keptCheckpoints: Int

  /// Checkpoints name the values as the flags do.
  private enum CodingKeys: String, CodingKey {
    case steps, epochs, batchSize, microBatchSize, sequenceLength, learningRate, minimumLearningRateRatio, warmupSteps
    case decay = "schedule"
    case beta1, beta2, epsilon, weightDecay, gradientClip
    case quantisedWeights = "studentWeights"
    case averageDecay = "emaDecay"
    case seed, evaluateEvery, evaluationSequences, checkpointEvery
    case keptCheckpoints
  }

  /// A recipe; give `steps` or `epochs`. Nothing is checked before `validate()`.
  public init(
    steps: Int? = nil, epochs: Double? = nil, batchSize: Int = 16, microBatchSize: Int? = nil,
    sequenceLength: Int = 256, learningRate: Double = 1e-3, minimumLearningRateRatio: Double = 0.1,
    warmupSteps: Int = 0, decay: LearningRateDecay = .cosine, beta1: Double = 0.9, beta2: Double = 0.95,
    epsilon: Double = 1e-8, weightDecay: Double = 0.1, gradientClip: Double = 1,
    quantisedWeights: QuantisedWeights? = nil, averageDecay: Double? = nil, seed: UInt64 = 0, evaluateEvery: Int? = nil,
    evaluationSequences: Int? = nil, checkpointEvery: Int? = nil, keptCheckpoints: Int = 2
  ) {
    self.steps = steps
    self.epochs = epochs
    self.batchSize = batchSize
    self.microBatchSize = microBatchSize
    self.sequenceLength = sequenceLength
    self.learningRate = learningRate
    self.minimumLearningRateRatio = minimumLearningRateRatio
    self.warmupSteps = warmupSteps
    self.decay = decay
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.gradientClip = gradientClip
    self.quantisedWeights = quantisedWeights
    self.averageDecay = averageDecay
    self.seed = seed
    self.evaluateEvery = evaluateEvery
    self.evaluationSequences = evaluationSequences
    self.checkpointEvery = checkpointEvery
    self.keptCheckpoints = keptCheckpoints
  }

  /// The micro-batch size in effect.
  public var resolvedMicroBatchSize: Int { microBatchSize ?? batchSize }
}
