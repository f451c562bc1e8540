public import Foundation
public import ModelEvaluation

/// What a training run reports while it goes on.
public enum TrainingEvent: Sendable {
  /// The run continues after `step`, from a checkpoint.
  case resumed(step: Int)
  /// A part of a step is about to be computed; no weight has changed since the last step. On `.stop` the step is given
  /// up, and repeated when the run goes on.
  case computing(StepProgress)
  /// A step is done.
  case step(TrainingStep)
  /// A batch of windows of the validation text was measured. On `.stop` the evaluation is given up, and repeated when
  /// the run goes on.
  case evaluating(EvaluationProgress)
  /// The validation text was measured.
  case evaluated(ValidationResult)
  /// A checkpoint of `step` is safely on disk.
  case checkpointed(step: Int, URL)
}

/// How far a step has come.
public struct StepProgress: Sendable, Equatable {
  /// The step's number, from 1.
  public var number: Int
  /// Sequences whose gradients are there.
  public var sequencesDone: Int
  /// The step's sequences.
  public var sequenceCount: Int
}

/// What the receiver of an event wants.
public enum TrainingDirective: Sendable {
  /// Go on.
  case `continue`
  /// Write a checkpoint and return; a step or an evaluation that is being computed is given up, and repeated when the
  /// run goes on.
  case stop
}

/// What a step found. Means are per counted token.
public struct StepLoss: Codable, Sendable, Equatable {
  /// The step's number, from 1.
  public var step: Int
  /// The number of counted tokens.
  public var tokens: Int
  /// The mean of what is minimised.
  public var loss: Double
  /// The mean cross-entropy with the targets, in nats.
  public var crossEntropy: Double
  /// Whether the tokens were sampled from the model itself in place of the text.
  public var isOnPolicy = false
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
  /// Whether the tokens were sampled from the model itself in place of the text.
  public var isOnPolicy = false
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
  /// Whether all steps and evaluations are done; false after a stop.
  public var isComplete: Bool
  /// Input tokens of all steps.
  public var tokensSeen: Int
  /// The first step, those before a resumption included: of those that learnt from the text, where there are some.
  public var firstStep: StepLoss?
  /// The last step; of those that learnt from the text, where there are some.
  public var lastStep: StepLoss?
  /// The last evaluation, if there was one.
  public var lastValidation: ValidationResult?
  /// The evaluation with the lowest loss, if there was one.
  public var bestValidation: ValidationResult?
  /// Seconds spent, those before a resumption included.
  public var seconds: Double

  /// Whether the model ended worse than it began: its loss on the validation text is not finite, or the last step on
  /// the text has no lower loss than the first, and a cross-entropy above by more than chance explains. That is three
  /// standard deviations of the mean over a step's tokens, each of which is taken to deviate by the mean. (Of a trained
  /// model the cross-entropies of two batches differ by more, for tokens of a text depend on each other.)
  public var hasDiverged: Bool {
    if let lastValidation, !lastValidation.loss.isFinite { return true }
    guard let firstStep, let lastStep, lastStep.step > firstStep.step, !firstStep.isOnPolicy, !lastStep.isOnPolicy
    else { return false }
    let chance = 3 * firstStep.crossEntropy / Double(max(1, min(firstStep.tokens, lastStep.tokens))).squareRoot()
    return !(lastStep.crossEntropy <= firstStep.crossEntropy + chance) && !(lastStep.loss < firstStep.loss)
  }
}
