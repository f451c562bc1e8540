public import Foundation

/// What a training run reports while it goes on.
public enum TrainingEvent: Sendable {
  /// The run continues after `step`, from a checkpoint.
  case resumed(step: Int)
  /// A step is done.
  case step(TrainingStep)
  /// The validation text was measured.
  case evaluated(ValidationResult)
  /// A checkpoint of `step` is safely on disk.
  case checkpointed(step: Int, URL)
}

/// What the receiver of an event wants.
public enum TrainingDirective: Sendable {
  /// Go on.
  case `continue`
  /// Finish the step, write a checkpoint and return.
  case stop
}

/// One optimiser step. Means are per counted token of the step.
public struct TrainingStep: Sendable, Equatable {
  /// The step's number, from 1.
  public var number: Int
  /// The number of the last step of the run.
  public var totalSteps: Int
  /// The number of counted tokens; if 0, the weights were left alone and the means are 0.
  public var countedTokens: Int
  /// The mean of what is minimised.
  public var loss: Double
  /// The mean cross-entropy with the targets, in nats.
  public var crossEntropy: Double
  /// The mean divergence from the teacher; nil without a teacher.
  public var divergence: Double?
  /// The mean of what is compared inside of the models, weighted; nil where nothing is.
  public var alignment: Double?
  /// The norm of all gradients together, before clipping.
  public var gradientNorm: Double
  /// The step's learning rate.
  public var learningRate: Double
  /// Input tokens per second of this step, uncounted ones included.
  public var tokensPerSecond: Double
  /// An estimate of the time that the remaining steps take.
  public var secondsRemaining: Double
  /// Input tokens of all steps so far, uncounted ones included.
  public var tokensSeen: Int
}

/// The means over the counted tokens of the validation text.
public struct ValidationResult: Sendable, Equatable, Codable {
  /// The number of steps done before.
  public var step: Int
  /// The number of counted tokens.
  public var tokens: Int
  /// The mean of what is minimised.
  public var loss: Double
  /// The mean cross-entropy with the targets, in nats.
  public var crossEntropy: Double
  /// The mean divergence from the teacher; nil without a teacher.
  public var divergence: Double?
  /// The mean of what is compared inside of the models, weighted; nil where nothing is.
  public var alignment: Double?

  /// exp(cross-entropy)
  public var perplexity: Double { exp(crossEntropy) }
}

/// How a run ended.
public struct TrainingSummary: Sendable, Equatable {
  /// Steps done in all, those before a resumption included.
  public var steps: Int
  /// The number of the last step of the run.
  public var totalSteps: Int
  /// Input tokens of all steps.
  public var tokensSeen: Int
  /// The last evaluation, if there was one.
  public var lastValidation: ValidationResult?
  /// The evaluation with the lowest loss, if there was one.
  public var bestValidation: ValidationResult?
  /// Seconds spent, those before a resumption included.
  public var seconds: Double

  /// Whether all steps are done; false after a stop.
  public var isComplete: Bool { steps == totalSteps }
}
