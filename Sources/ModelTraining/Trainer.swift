import Diagnostics
import Foundation
public import LanguageModels
import ModelEvaluation
import ModelFiles
import TensorCore

/// The training loop: batches in a shuffled order, gradients accumulated over micro-batches, clipped, AdamW;
/// evaluations, metrics and checkpoints on the way.
///
/// The result depends on model, objective, recipe and texts alone: not on the number of threads, and not on whether the
/// run was interrupted and continued.
///
/// ```swift
/// let trainer = try Trainer(model: model, objective: CrossEntropyObjective(), data: text, recipe: recipe)
/// try trainer.run { event in
///   if case .step(let step) = event { print(step.number, step.loss) }
///   return .continue
/// }
/// ```
public final class Trainer {
  /// What is trained.
  public let model: TransformerDecoder
  /// How.
  public let recipe: TrainingRecipe
  /// The number of the last step.
  public var totalSteps: Int { length.steps }
  /// Steps done so far.
  public var stepsDone: Int { state.step }

  let length: TrainingLength
  let objective: any TrainingObjective
  let data: PackedSequences
  let validation: ValidationText?
  private let folder: RunFolder?
  let continuation: RunContinuation?
  let schedule: LearningRateSchedule
  let optimizer: AdamW
  /// Nil where the model is trained as it is.
  let rounding: WeightRounding?
  /// Nil where the weights of the last step are kept.
  let average: WeightAverage?
  /// Of the objective's own weights.
  let objectiveOptimizer: AdamW?
  var order: SequenceOrder
  var state: TrainingState
  var metrics: MetricsLog?
  /// Sequences and tokens of each micro-batch of the step before.
  var lastShapes: [[Int]] = []
  /// Whether the first call of `run` has come.
  private var isBegun = false
  /// The step of the newest checkpoint in the folder.
  var checkpointedStep: Int?

  /// Prepares a run; nothing is computed or read from checkpoints yet.
  /// - Parameters:
  ///   - model: a trainable model. Its weights are those to begin with.
  ///   - objective: what is minimised.
  ///   - data: the text to learn.
  ///   - validation: a text to be measured on the way, in windows of the sequence length.
  ///   - recipe: how.
  ///   - folder: where metrics, checkpoints and the final model go; without one nothing is written.
  ///   - continuation: an earlier run whose optimiser and place in the text this one goes on with; `model` has its
  ///     weights. By default there is none.
  /// - Throws: `value` for what makes no sense in the recipe, or where the sequences do not fit into the model;
  ///   `nothingCounted` where there is nothing to learn.
  public init(
    model: TransformerDecoder, objective: any TrainingObjective, data: PackedSequences,
    validation: ValidationText? = nil, recipe: TrainingRecipe, folder: RunFolder? = nil,
    continuing continuation: RunContinuation? = nil
  ) throws(TrainingError) {
    length = try recipe.length(over: data)
    let texts: [(any TokenSequences)?] = [data, validation]
    for text in texts.compactMap({ $0 }) where text.sequenceLength != recipe.sequenceLength {
      throw .value(
        InvalidValue(
          "sequence-length", expected: "\(text.sequenceLength), in which \(text.name) was packed",
          found: "\(recipe.sequenceLength)"))
    }
    guard recipe.sequenceLength <= model.configuration.contextLength else {
      throw .value(
        .sequenceLength(recipe.sequenceLength, beyond: model.configuration.contextLength, of: "the model"))
    }
    try validation?.requireTokens(below: model.configuration.vocabularySize)
    if let type = recipe.quantisedWeights, model.adapters != nil {
      throw .value(
        InvalidValue(
          "student-weights", expected: "float32, for adapters are trained and the weights stay as they are",
          found: type.rawValue))
    }
    self.model = model
    self.objective = objective
    self.data = data
    self.validation = validation
    self.recipe = recipe
    self.folder = folder
    self.continuation = continuation
    schedule = LearningRateSchedule(
      peak: recipe.learningRate, minimumRatio: recipe.minimumLearningRateRatio,
      warmupSteps: min(recipe.warmupSteps, length.steps), totalSteps: length.steps, decay: recipe.decay)
    func optimizer(_ parameters: ParameterStore) -> AdamW {
      AdamW(
        parameters, beta1: recipe.beta1, beta2: recipe.beta2, epsilon: recipe.epsilon, weightDecay: recipe.weightDecay)
    }
    self.optimizer = optimizer(model.trained)
    rounding = recipe.quantisedWeights?.rounding(of: model)
    average = recipe.averageDecay.map { WeightAverage(of: model.trained, decay: Float($0)) }
    objectiveOptimizer = objective.parameters.map(optimizer)
    order = SequenceOrder(of: data, seed: recipe.seed)
    state = TrainingState(recipe: recipe, texts: [:])
  }

  /// Trains to the end, or until the handler says stop, after which another call goes on.
  ///
  /// In a folder with checkpoints the first call continues after the newest one. At the end, the folder gets the model.
  /// With `quantisedWeights` this is of rounded weights, with `averageDecay` of their average, and so is `model` from
  /// then on; until then it has the weights that are being trained, as checkpoints do.
  /// - Parameter handler: receives each event when it has happened; on `.stop` a checkpoint is written, and the call
  ///   returns. A step or an evaluation that is due or being computed is left to the call that goes on.
  /// - Returns: how far the run has come.
  /// - Throws: `notFinite` where a loss or gradient becomes NaN or infinite, before the weights are touched;
  ///   `cannotResume` where a checkpoint is of another recipe, text or model, and `damagedCheckpoint`, which says what
  ///   to do, where it cannot be used; `value` of an id outside the vocabulary, `nothingCounted`; what the disk
  ///   refuses. Checkpoints already written stay as they are.
  @discardableResult
  public func run(
    _ handler: (TrainingEvent) -> TrainingDirective = { _ in .continue }
  ) throws(TrainingError) -> TrainingSummary {
    var isStopping = false
    func report(_ event: TrainingEvent) {
      if handler(event) == .stop { isStopping = true }
    }
    func isWanted(_ progress: StepProgress) -> Bool {
      report(.computing(progress))
      return !isStopping
    }
    if let step = try begin() { report(.resumed(step: step)) }
    let clock = RunClock(secondsBefore: state.seconds, stepsBefore: state.step)
    func evaluateIfDue() throws(TrainingError) {
      guard let validation, isEvaluationDue, !isStopping else { return }
      let result = evaluate(validation) { progress in
        report(.evaluating(progress))
        return !isStopping
      }
      guard let result else { return }
      state.seconds = clock.seconds
      try metrics?.append(result, seconds: state.seconds)
      report(.evaluated(result))
    }
    // one that a stop cut short
    try evaluateIfDue()
    while state.step < totalSteps, !isStopping {
      guard let step = try takeStep(clock, isWanted) else { break }
      try metrics?.append(step, seconds: state.seconds)
      report(.step(step))
      try evaluateIfDue()
      if let folder, state.step == totalSteps || isDue(every: recipe.checkpointEvery) {
        report(.checkpointed(step: state.step, try writeCheckpoint(to: folder, clock)))
      }
    }
    if let folder, isStopping, state.step > 0, checkpointedStep != state.step {
      report(.checkpointed(step: state.step, try writeCheckpoint(to: folder, clock)))
    }
    let isComplete = state.step == totalSteps && !isEvaluationDue
    if isComplete {
      average?.replaceWeights()
      rounding?.round()
    }
    if let folder, isComplete { try finish(folder, clock) }
    return TrainingSummary(
      steps: state.step, totalSteps: totalSteps, isComplete: isComplete, tokensSeen: state.tokensSeen,
      firstStep: state.firstStep, lastStep: state.lastStep, lastValidation: state.lastValidation,
      bestValidation: state.bestValidation, seconds: state.seconds)
  }

  /// Opens the folder, if there is one, and goes on with what it holds, or else with what an earlier run left. Returns
  /// the step of the checkpoint that it continues from; nil in every call but the first.
  private func begin() throws(TrainingError) -> Int? {
    guard !isBegun else { return nil }
    let resumed = try folder.map { (folder) throws(TrainingError) in try open(folder) } ?? nil
    if resumed == nil, let continuation { try begin(after: continuation) }
    isBegun = true
    return resumed
  }

  /// All that is trained: the model's weights or adapters, and the objective's own weights.
  var trained: [ParameterStore] { [model.trained] + (objectiveOptimizer.map { [$0.parameters] } ?? []) }

  /// What `body` computes with the model as it would be kept now.
  func withKeptWeights<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    guard let average else { return try withRoundedWeights(body) }
    return try average.withAverage { () throws(Failure) in try withRoundedWeights(body) }
  }

  /// What `body` computes with the weights that are trained, rounded where they will be.
  func withRoundedWeights<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    if let rounding { try rounding.withRounded(body) } else { try body() }
  }

  private func isDue(every steps: Int?) -> Bool {
    steps.map { state.step.isMultiple(of: $0) } ?? false
  }

  /// Whether the validation text is to be measured after the last step, and has not been yet.
  private var isEvaluationDue: Bool {
    validation != nil && state.step > 0 && (state.step == totalSteps || isDue(every: recipe.evaluateEvery))
      && state.lastValidation?.step != state.step
  }
}
