/// Where in a run a micro-batch is computed: what weights that change with the steps, and what is drawn at random, may
/// depend on, so that a continued run repeats them.
public struct StepPosition: Sendable, Equatable {
  /// The number of the optimiser step, in 1...totalSteps.
  public var step: Int
  /// The number of the last step of the run.
  public var totalSteps: Int
  /// The steps of the runs that this one continues.
  public var stepsBefore: Int
  /// The sequences of the step that come before those of the micro-batch.
  public var firstSequence: Int
  /// The seed of the run.
  public var seed: UInt64
  /// Whether the run has read all sequences of the text before the step: a whole epoch.
  public var hasReadText: Bool

  /// The position, as the properties say.
  public init(
    step: Int, totalSteps: Int, stepsBefore: Int = 0, firstSequence: Int = 0, seed: UInt64 = 0,
    hasReadText: Bool = false
  ) {
    precondition(step >= 1 && step <= totalSteps, "step \(step) of \(totalSteps)")
    precondition(stepsBefore >= 0, "\(stepsBefore) steps before")
    precondition(firstSequence >= 0, "sequence \(firstSequence) of a step")
    self.step = step
    self.totalSteps = totalSteps
    self.stepsBefore = stepsBefore
    self.firstSequence = firstSequence
    self.seed = seed
    self.hasReadText = hasReadText
  }

  /// The number of the step over all runs of which each continues the one before: random numbers are drawn by it, so
  /// that a continuation does not repeat those of the run that it continues.
  public var stepOfAllRuns: Int { stepsBefore + step }

  /// The one micro-batch of a run of one step: for what is computed outside a run.
  public static let only = StepPosition(step: 1, totalSteps: 1)
}
