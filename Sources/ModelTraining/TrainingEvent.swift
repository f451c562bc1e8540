public import Foundation
import ModelEvaluation

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
  /// The number of counted tokens.
  public var countedTokens: Int
  /// The mean of what is minimised.
  public var loss: Double
  /// The mean cross-entropy with the targets, in nats.
  public var crossEntropy: Double
  /// The means of what else the objective reports.
  public var terms = LossTerms()
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
public struct ValidationResult: Sendable, Equatable {
  /// The number of steps done before.
  public var step: Int
  /// The number of counted tokens.
  public var tokens: Int
  /// The mean of what is minimised.
  public var loss: Double
  /// The mean cross-entropy with the targets, in nats.
  public var crossEntropy: Double
  /// The means of what else the objective reports.
  public var terms = LossTerms()

  /// exp(cross-entropy); infinite above 709 nats.
  public var perplexity: Double { exp(crossEntropy) }
}

extension ValidationResult: Codable {
  private enum Key: String, CodingKey, CaseIterable { case step, tokens, loss, crossEntropy }

  /// A result, from its object.
  public init(from decoder: any Decoder) throws {
    let result = try decoder.container(keyedBy: Key.self)
    step = try result.decode(Int.self, forKey: .step)
    tokens = try result.decode(Int.self, forKey: .tokens)
    loss = try result.decodeNumber(forKey: .loss, null: .nan)
    crossEntropy = try result.decodeNumber(forKey: .crossEntropy, null: .nan)
    terms = try LossTerms(from: decoder, besides: Key.allCases)
  }

  /// Writes the object of a result.
  public func encode(to encoder: any Encoder) throws {
    var result = encoder.container(keyedBy: Key.self)
    try result.encode(step, forKey: .step)
    try result.encode(tokens, forKey: .tokens)
    try result.encodeNumber(loss, forKey: .loss)
    try result.encodeNumber(crossEntropy, forKey: .crossEntropy)
    try terms.encode(beside: encoder)
  }
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
