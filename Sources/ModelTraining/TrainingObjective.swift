public import LanguageModels
public import TensorCore

/// What a model is trained to minimise: a sum over the counted tokens of batches.
///
/// An objective never divides by a number of tokens. The trainer does, once, by the counted tokens of a whole optimiser
/// step, and passes the quotient as `scale`; so it does not matter how a step is cut into micro-batches, nor that
/// gradients of a micro-batch may be asked for some sequences at a time.
public protocol TrainingObjective {
  /// Adds `scale` × the gradient of the summed loss on `batch` to the gradients of `model`, and returns the sums
  /// themselves, not scaled. `scale` is positive.
  func accumulateGradients(
    of model: TransformerDecoder, on batch: TokenBatch, at position: StepPosition, scale: Double
  ) -> LossSums

  /// What is learnt in place of `batch`, which comes next in the text: by default the batch itself. The sums are
  /// divided by the counted tokens of what this returns. Throws where there is nothing to learn from, and no weight is
  /// touched. Where it takes long, `isWanted` is asked in between; once it says no, what is returned is not used.
  func batch(
    inPlaceOf batch: TokenBatch, for model: TransformerDecoder, at position: StepPosition, isWanted: () -> Bool
  ) throws(TrainingError) -> TokenBatch

  /// The same sums without gradients. `model` may be frozen. The trainer measures all validations of a run at its last
  /// step, so that they can be compared.
  func measure(_ model: any DecoderModel, on batch: TokenBatch, at position: StepPosition) -> LossSums

  /// Whether a step learns from what the model itself samples in place of the text. By default none does.
  func isOnPolicy(at position: StepPosition) -> Bool

  /// Weights of the objective's own, which are trained with the model's, clipped together with them, kept in
  /// checkpoints and left out of the trained model; `accumulateGradients` adds to their gradients, too. By default
  /// there are none.
  var parameters: ParameterStore? { get }

  /// Whether what is minimised at a step depends on how many steps there are: then an interrupted run can only be
  /// continued to the length it was begun with. By default it does not.
  var dependsOnTotalSteps: Bool { get }
}

extension TrainingObjective {
  /// None.
  public var parameters: ParameterStore? { nil }

  /// No: a step is the same in a run of any length.
  public var dependsOnTotalSteps: Bool { false }

  /// No.
  public func isOnPolicy(at position: StepPosition) -> Bool { false }

  /// The batch itself.
  public func batch(
    inPlaceOf batch: TokenBatch, for model: TransformerDecoder, at position: StepPosition, isWanted: () -> Bool
  ) throws(TrainingError) -> TokenBatch { batch }
}
