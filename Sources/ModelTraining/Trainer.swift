import Diagnostics
import Foundation
public import LanguageModels
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

  private let length: TrainingLength
  private let objective: any TrainingObjective
  private let data: PackedSequences
  private let validation: ValidationText?
  private let folder: RunFolder?
  private let schedule: LearningRateSchedule
  private let optimizer: AdamW
  /// Of the objective's own weights.
  private let objectiveOptimizer: AdamW?
  private var order: SequenceOrder
  private var state: TrainingState
  private var metrics: MetricsLog?

  /// Prepares a run; nothing is computed or read from checkpoints yet.
  /// - Parameters:
  ///   - model: a trainable model. Its weights are those to begin with.
  ///   - objective: what is minimised.
  ///   - data: the text to learn.
  ///   - validation: a text to be measured on the way, in windows of the sequence length.
  ///   - recipe: how.
  ///   - folder: where metrics, checkpoints and the final model go; without one nothing is written.
  /// - Throws: `value` for what makes no sense in the recipe, or where the sequences do not fit into the model;
  ///   `nothingCounted` where there is nothing to learn.
  public init(
    model: TransformerDecoder, objective: any TrainingObjective, data: PackedSequences,
    validation: ValidationText? = nil, recipe: TrainingRecipe, folder: RunFolder? = nil
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
    self.model = model
    self.objective = objective
    self.data = data
    self.validation = validation
    self.recipe = recipe
    self.folder = folder
    schedule = LearningRateSchedule(
      peak: recipe.learningRate, minimumRatio: recipe.minimumLearningRateRatio,
      warmupSteps: min(recipe.warmupSteps, length.steps), totalSteps: length.steps, decay: recipe.decay)
    func optimizer(_ parameters: ParameterStore) -> AdamW {
      AdamW(
        parameters, beta1: recipe.beta1, beta2: recipe.beta2, epsilon: recipe.epsilon, weightDecay: recipe.weightDecay)
    }
    self.optimizer = optimizer(model.parameters)
    objectiveOptimizer = objective.parameters.map(optimizer)
    order = SequenceOrder(of: data, seed: recipe.seed)
    state = TrainingState(recipe: recipe, texts: [:])
  }

  /// Trains to the end, or until the handler says stop, after which another call goes on.
  ///
  /// In a folder with checkpoints the first call continues after the newest one. At the end, the folder gets the model.
  /// - Parameter handler: receives each event when it has happened; on `.stop` the step is finished, with its
  ///   evaluation if one is due, a checkpoint is written, and the call returns.
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
    if let folder, metrics == nil, let step = try open(folder) { report(.resumed(step: step)) }
    let clock = RunClock(secondsBefore: state.seconds, stepsBefore: state.step)
    while state.step < totalSteps, !isStopping {
      let step = try takeStep(clock)
      try metrics?.append(step, seconds: state.seconds)
      report(.step(step))
      let isLast = state.step == totalSteps
      if let validation, isLast || isDue(every: recipe.evaluateEvery) {
        let result = try evaluate(validation)
        state.seconds = clock.seconds
        try metrics?.append(result, seconds: state.seconds)
        report(.evaluated(result))
      }
      if let folder, isLast || isStopping || isDue(every: recipe.checkpointEvery) {
        state.seconds = clock.seconds
        report(.checkpointed(step: state.step, try writeCheckpoint(to: folder)))
      }
    }
    if let folder, state.step == totalSteps { try finish(folder, clock) }
    return TrainingSummary(
      steps: state.step, totalSteps: totalSteps, tokensSeen: state.tokensSeen, lastValidation: state.lastValidation,
      bestValidation: state.bestValidation, seconds: state.seconds)
  }

  /// All weights that are trained: the model's, and the objective's own.
  private var trained: [ParameterStore] { [model.parameters] + (objectiveOptimizer.map { [$0.parameters] } ?? []) }

  private func isDue(every steps: Int?) -> Bool {
    steps.map { state.step.isMultiple(of: $0) } ?? false
  }
}

// MARK: - One step

extension Trainer {
  /// Reads the next batch, moves the weights along its gradient, and counts the step.
  private func takeStep(_ clock: RunClock) throws(TrainingError) -> TrainingStep {
    let start = clock.seconds
    let number = state.step + 1
    let batches = try nextBatches(ofStep: number)
    // Sums are divided once, by the counted tokens of the whole step.
    let countedTokens = batches.reduce(0) { $0 + $1.countedTokens }
    guard countedTokens > 0 else { throw .nothingCounted(text: data.name) }
    let learningRate = schedule.rate(atStep: number)
    var (sums, sequences) = (LossSums.zero, 0)
    for parameters in trained { parameters.zeroGradients() }
    for batch in batches {
      sums += objective.accumulateGradientsInMicroBatches(
        of: model, on: batch, at: position(ofStep: number, firstSequence: sequences), scale: 1 / Double(countedTokens))
      sequences += batch.batchSize
    }
    let norm = trained.reduce(0) { $0 + $1.gradientSquareSum() }.squareRoot()
    try requireFinite(sums, norm, step: number)
    let factor = AdamW.clippingFactor(norm: norm, limit: recipe.gradientClip)
    optimizer.update(learningRate: learningRate, gradientScale: factor)
    objectiveOptimizer?.update(learningRate: learningRate, gradientScale: factor)
    let tokens = batches.reduce(0) { $0 + $1.ids.count }
    state.step = number
    state.sequencesRead += sequences
    state.updates = optimizer.updates
    state.tokensSeen += tokens
    state.seconds = clock.seconds
    let means = sums.perToken
    return TrainingStep(
      number: number, totalSteps: totalSteps, countedTokens: countedTokens, loss: means.loss,
      crossEntropy: means.crossEntropy, terms: means.terms, gradientNorm: norm,
      learningRate: learningRate,
      tokensPerSecond: Double(tokens) / max(clock.seconds - start, 1e-9),
      secondsRemaining: clock.secondsRemaining(after: number, of: totalSteps), tokensSeen: state.tokensSeen)
  }

  /// The micro-batches of the step that comes next, as the objective has them.
  private func nextBatches(ofStep number: Int) throws(TrainingError) -> [TokenBatch] {
    let (size, micro) = (length.batchSize(after: state.sequencesRead), recipe.resolvedMicroBatchSize)
    var batches: [TokenBatch] = []
    for start in stride(from: 0, to: size, by: micro) {
      let places = (start..<min(size, start + micro)).map { order.place(at: state.sequencesRead + $0) }
      let batch = try batch(places)
      batches.append(
        try objective.batch(inPlaceOf: batch, for: model, at: position(ofStep: number, firstSequence: start)))
    }
    return batches
  }

  private func position(ofStep number: Int, firstSequence: Int) -> StepPosition {
    StepPosition(step: number, totalSteps: totalSteps, firstSequence: firstSequence, seed: recipe.seed)
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

// MARK: - Evaluation

extension Trainer {
  /// Measures the validation text, or as much of its start as the recipe says. A loss that is not finite is a result
  /// like any other: the next step says what became of the weights.
  private func evaluate(_ text: ValidationText) throws(TrainingError) -> ValidationResult {
    // no step is taken meanwhile
    let model = model.frozen(isConstant: true)
    var sums = LossSums.zero
    var measured = 0
    for group in text.groups(first: recipe.evaluationSequences) {
      let position = position(ofStep: totalSteps, firstSequence: measured)
      sums += objective.measure(model, on: text.batch(group), at: position)
      measured += group.count
    }
    let means = sums.perToken
    let result = ValidationResult(
      step: state.step, tokens: sums.tokens, loss: means.loss, crossEntropy: means.crossEntropy,
      terms: means.terms)
    state.lastValidation = result
    if result.loss < state.bestValidation?.loss ?? .infinity { state.bestValidation = result }
    return result
  }
}

// MARK: - The run folder

extension Trainer {
  /// Opens the folder's metrics and, if it has a checkpoint, continues from the newest: returns its step.
  private func open(_ folder: RunFolder) throws(TrainingError) -> Int? {
    var texts = ["training text": data.digest(), "packing": data.packing.description]
    texts["validation text"] = validation?.digest()
    let steps = folder.checkpointSteps()
    let newest = steps.last
    if let newest {
      let url = folder.checkpointURL(step: newest)
      func reading<Result>(_ body: () throws(TrainingError) -> Result) throws(TrainingError) -> Result {
        do throws(TrainingError) { return try body() } catch {
          throw error.ofCheckpoint(at: url, previous: steps.dropLast().last)
        }
      }
      var saved = try reading { () throws(TrainingError) in try TrainingCheckpoint.state(in: url) }
      let obstacle = recipe.firstObstacle(toResuming: saved.recipe, ofFixedLength: objective.dependsOnTotalSteps)
      if let (key, begun, now) = obstacle {
        throw .cannotResume(folder: folder.url.path, key: key, begun: begun, now: now)
      }
      for key in ["training text", "validation text", "packing"] where saved.texts[key] != texts[key] {
        throw .cannotResume(
          folder: folder.url.path, key: key, begun: saved.texts[key] ?? "none", now: texts[key] ?? "none")
      }
      guard saved.step <= totalSteps else {
        throw .cannotResume(folder: folder.url.path, key: "steps", begun: "\(saved.step)", now: "\(totalSteps)")
      }
      try reading { () throws(TrainingError) in
        try TrainingCheckpoint.restore(model, optimizer, objectiveOptimizer, from: url, run: folder.url.path)
      }
      optimizer.updates = saved.updates
      objectiveOptimizer?.updates = saved.updates
      saved.recipe = recipe
      state = saved
    }
    state.texts = texts
    metrics = try MetricsLog(folder.metricsURL, keeping: newest == nil ? 0 : state.metricsByteCount)
    return newest
  }

  private func writeCheckpoint(to folder: RunFolder) throws(TrainingError) -> URL {
    if let metrics {
      try metrics.synchronize()
      state.metricsByteCount = metrics.byteCount
    }
    let url = folder.checkpointURL(step: state.step)
    try TrainingCheckpoint.write(
      state, model: model, optimizer: optimizer, objectiveOptimizer: objectiveOptimizer, modelFiles: folder.modelFiles,
      to: url)
    try folder.removeOldCheckpoints(keeping: recipe.keptCheckpoints)
    return url
  }

  /// Puts the trained model into the folder, then closes the run.
  private func finish(_ folder: RunFolder, _ clock: RunClock) throws(TrainingError) {
    guard folder.manifest.result == nil else { return }
    try wrapping { () throws(ModelFileError) in
      try model.write(to: folder.url, with: folder.modelFiles, as: folder.weightType)
    }
    state.seconds = clock.seconds
    try folder.finish(
      RunResult(
        finished: Date(), steps: state.step, tokensSeen: state.tokensSeen, seconds: state.seconds,
        peakMemoryBytes: peakMemoryBytes(), lastValidation: state.lastValidation, bestValidation: state.bestValidation))
  }
}

extension Double {
  /// `nan` whatever its sign, which means nothing; else as usual.
  fileprivate var nonFiniteText: String { isNaN ? "nan" : "\(self)" }
}
