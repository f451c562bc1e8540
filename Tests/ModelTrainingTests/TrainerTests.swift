import Diagnostics
import Foundation
import LanguageModels
import ModelEvaluation
import ModelTraining
import TensorCore
import TestSupport
import Testing

/// Cross-entropy that spoils one call: a stand-in for a model that diverges.
struct SpoiltObjective: TrainingObjective {
  enum Spoil {
    case gradient(parameter: String, Float)
    case loss(Double)
  }

  final class Counter {
    var calls = 0
  }

  let call: Int
  let spoil: Spoil
  let counter = Counter()

  func accumulateGradients(
    of model: TransformerDecoder, on batch: TokenBatch, at position: StepPosition, scale: Double
  ) -> LossSums {
    var sums = CrossEntropyObjective().accumulateGradients(of: model, on: batch, at: position, scale: scale)
    counter.calls += 1
    if counter.calls == call {
      switch spoil {
      case .gradient(let parameter, let value):
        let spoilt = model.parameters.parameters.first { $0.name == parameter }
        spoilt?.gradient?.withMutableSpan { $0[1] = value }
      case .loss(let value): sums.loss = value
      }
    }
    return sums
  }

  func measure(_ model: any DecoderModel, on batch: TokenBatch, at position: StepPosition) -> LossSums {
    CrossEntropyObjective().measure(model, on: batch, at: position)
  }
}

/// Cross-entropy that notes the moments it is called at.
private struct ObservedObjective: TrainingObjective {
  final class Log {
    var trained: [StepPosition] = []
    var measured: [StepPosition] = []
  }

  let log = Log()

  func accumulateGradients(
    of model: TransformerDecoder, on batch: TokenBatch, at position: StepPosition, scale: Double
  ) -> LossSums {
    log.trained.append(position)
    return CrossEntropyObjective().accumulateGradients(of: model, on: batch, at: position, scale: scale)
  }

  func measure(_ model: any DecoderModel, on batch: TokenBatch, at position: StepPosition) -> LossSums {
    log.measured.append(position)
    return CrossEntropyObjective().measure(model, on: batch, at: position)
  }
}

@Suite struct TrainerTests {
  @Test func theObjectiveKnowsTheMoment() throws {
    let objective = ObservedObjective()
    var recipe = Small.recipe(steps: 3)
    (recipe.microBatchSize, recipe.seed, recipe.evaluateEvery) = (2, 7, 2)
    recipe.evaluationSequences = 3
    try Trainer(
      model: Small.model(), objective: objective, data: Small.text(), validation: Small.validation(), recipe: recipe
    ).run()
    #expect(
      objective.log.trained
        == (1...3).flatMap { step in
          [0, 2].map { StepPosition(step: step, totalSteps: 3, firstSequence: $0, seed: 7) }
        })
    // every validation at the position of the last step
    let validation = StepPosition(step: 3, totalSteps: 3, seed: 7)
    #expect(objective.log.measured == [validation, validation])
  }

  @Test func aTextIsLearnt() throws {
    let trainer = try Trainer(
      model: Small.model(), objective: CrossEntropyObjective(), data: Small.text(), recipe: Small.recipe(steps: 60))
    var steps: [TrainingStep] = []
    let summary = try trainer.run { event in
      if case .step(let step) = event { steps.append(step) }
      return .continue
    }
    #expect(summary.isComplete)
    #expect(summary.tokensSeen == 60 * 4 * 12)
    #expect(steps.map(\.number) == Array(1...60))
    #expect(steps.map(\.tokensSeen) == (1...60).map { $0 * 48 })
    #expect(steps.allSatisfy { $0.totalSteps == 60 && $0.tokensPerSecond > 0 && $0.secondsRemaining >= 0 })
    #expect(steps[2].learningRate == 0.01)
    #expect(abs(steps[59].learningRate - 0.001) < 1e-12)
    #expect(abs(steps[0].loss - log(31)) < 0.2)
    #expect(steps[50...].reduce(0) { $0 + $1.loss } / 10 < 2)
  }

  /// Weights that are kept rounded are those of the step that is measured.
  @Test func validationsInBFloat16AreOfThePresentWeights() throws {
    let model = TransformerDecoder(configuration: Small.model().configuration, seed: 5, precision: .bfloat16)
    var recipe = Small.recipe(steps: 4)
    recipe.evaluateEvery = 1
    let validation = try Small.validation()
    let trainer = try Trainer(
      model: model, objective: CrossEntropyObjective(), data: Small.text(), validation: validation, recipe: recipe)
    var found: [(validation: Double, present: Double)] = []
    try trainer.run { event in
      if case .evaluated(let result) = event {
        let all = validation.batch(Array(0..<validation.count))
        found.append((result.loss, CrossEntropyObjective().measure(model, on: all, at: .only).perToken.loss))
      }
      return .continue
    }
    #expect(found.count == 4)
    for (validation, present) in found { #expect(abs(validation / present - 1) < 1e-6) }
    #expect(Set(found.map(\.validation)).count == 4)
  }

  /// 1 × 8 = 2 × 4 = 4 × 2 = 8 × 1, on gradients: AdamW would hide a factor. The eight sequences have different numbers
  /// of counted tokens, so that a mean of means would be another.
  @Test(arguments: [4, 2, 1])
  func microBatchesGiveTheGradientsOfTheBatch(_ microBatchSize: Int) throws {
    func gradients(_ microBatchSize: Int?) throws -> (model: TransformerDecoder, step: TrainingStep) {
      let model = Small.model()
      var recipe = Small.recipe(steps: 1)
      (recipe.batchSize, recipe.microBatchSize) = (8, microBatchSize)
      let trainer = try Trainer(
        model: model, objective: CrossEntropyObjective(), data: Small.text(masked: { $0 % 31 < 13 }), recipe: recipe)
      var step: TrainingStep?
      try trainer.run { event in
        if case .step(let done) = event { step = done }
        return .continue
      }
      return (model, try #require(step))
    }
    let (expected, whole) = try gradients(nil)
    let (found, parts) = try gradients(microBatchSize)
    #expect(parts.countedTokens == whole.countedTokens)
    #expect(whole.countedTokens < 8 * 12)
    #expect(abs(parts.loss - whole.loss) < 1e-6 * whole.loss)
    #expect(abs(parts.gradientNorm - whole.gradientNorm) < 1e-6 * whole.gradientNorm)
    for (one, other) in zip(found.parameters.parameters, expected.parameters.parameters) {
      let (gradient, reference) = (try #require(one.gradient).array(), try #require(other.gradient).array())
      #expect(relativeError(gradient, reference.map(Double.init)) < 1e-6, "\(one.name)")
    }
  }

  @Test func evaluationMeasuresTheWholeText() throws {
    let model = Small.model()
    let validation = try Small.validation(12 * 9 + 4, seed: 6)
    var recipe = Small.recipe(steps: 10)
    recipe.evaluateEvery = 4
    let trainer = try Trainer(
      model: model, objective: CrossEntropyObjective(), data: Small.text(), validation: validation, recipe: recipe)
    var results: [ValidationResult] = []
    let summary = try trainer.run { event in
      if case .evaluated(let result) = event { results.append(result) }
      return .continue
    }
    #expect(results.map(\.step) == [4, 8, 10])
    let expected = CrossEntropyObjective().measure(model, on: validation.batch(Array(0..<10)), at: .only)
    #expect(results[2].tokens == expected.tokens)
    #expect(abs(results[2].loss - expected.perToken.loss) < 1e-6 * expected.perToken.loss)
    #expect(results[2].perplexity == exp(results[2].crossEntropy))
    #expect(summary.lastValidation == results[2])
    #expect(summary.bestValidation == results.min { $0.loss < $1.loss })
  }

  @Test func evaluationMayMeasureTheBeginningOnly() throws {
    let model = Small.model()
    let validation = try Small.validation(seed: 6)
    var recipe = Small.recipe(steps: 1)
    recipe.evaluationSequences = 3
    let trainer = try Trainer(
      model: model, objective: CrossEntropyObjective(), data: Small.text(), validation: validation, recipe: recipe)
    let result = try #require(try trainer.run().lastValidation)
    let expected = CrossEntropyObjective().measure(model, on: validation.batch([0, 1, 2]), at: .only)
    #expect(result.tokens == expected.tokens)
    #expect(abs(result.loss - expected.perToken.loss) < 1e-6 * expected.perToken.loss)
  }

  @Test func aValidationTextWithoutTargetsIsRefused() throws {
    #expect(throws: TrainingError.nothingCounted(text: "held-out.txt")) { try Small.validation(masked: { _ in true }) }
    #expect(throws: TrainingError.nothingCounted(text: "empty.txt")) {
      try ValidationText(EvaluationText([], beginningID: 1), sequenceLength: 12, name: "empty.txt")
    }
  }

  @Test(arguments: [SequencePacking.Cuts.fixed, .shifted])
  func sequencesWithNothingToLearnAreLeftOut(_ cuts: SequencePacking.Cuts) throws {
    var recipe = Small.recipe(steps: 40)
    (recipe.batchSize, recipe.microBatchSize) = (1, nil)
    // the targets of every other sequence, and of two thirds of the text, are masked
    let tokens = Small.tokens(481) { ($0 - 1) / 12 % 2 == 0 || $0 > 160 }
    let text = try PackedSequences(tokens, sequenceLength: 12, packing: SequencePacking(cuts), name: "small.txt")
    #expect(text.uncountedSequences > 26)
    var losses: [Double] = []
    try Trainer(model: Small.model(), objective: CrossEntropyObjective(), data: text, recipe: recipe).run { event in
      if case .step(let step) = event {
        #expect(step.countedTokens > 0)
        losses.append(step.loss)
      }
      return .continue
    }
    #expect(losses.count == 40 && losses.allSatisfy { $0 > 0 })
  }

  @Test(arguments: [SequencePacking.Cuts.fixed, .shifted])
  func aTextWithoutTargetsIsRefusedBeforeTheFirstStep(_ cuts: SequencePacking.Cuts) throws {
    let tokens = Small.tokens(481) { _ in true }
    let text = try PackedSequences(tokens, sequenceLength: 12, packing: SequencePacking(cuts), name: "small.txt")
    #expect(throws: TrainingError.nothingCounted(text: "small.txt")) {
      try Trainer(
        model: Small.model(), objective: CrossEntropyObjective(), data: text, recipe: Small.recipe(steps: 3))
    }
  }

  /// 41 sequences, batches of 4 or more than there are.
  @Test(arguments: [
    (1, 4, [Int](repeating: 4, count: 10) + [1]), (0.25, 4, [4, 4, 2]), (2.5, 60, [41, 41, 21]),
    (1, 1 << 20, [41]), (0.001, 60, [1]),
  ])
  func epochsReadTheTextSoOften(_ epochs: Double, batchSize: Int, expected: [Int]) throws {
    var recipe = Small.recipe(steps: 1)
    (recipe.steps, recipe.epochs, recipe.batchSize, recipe.microBatchSize) = (nil, epochs, batchSize, nil)
    if batchSize == 4 { recipe.microBatchSize = 2 }
    let text = try Small.text(12 * 41 + 1)
    var sizes: [Int] = []
    let summary = try Trainer(
      model: Small.model(), objective: CrossEntropyObjective(), data: text, recipe: recipe
    ).run { event in
      if case .step(let step) = event { sizes.append(step.tokensSeen / 12 - sizes.reduce(0, +)) }
      return .continue
    }
    #expect(sizes == expected)
    #expect(summary.isComplete && summary.steps == expected.count)
  }

  @Test func aWarmUpLongerThanTheRunEndsWithIt() throws {
    var recipe = Small.recipe(steps: 4)
    recipe.warmupSteps = 50
    var rates: [Double] = []
    try Trainer(model: Small.model(), objective: CrossEntropyObjective(), data: Small.text(), recipe: recipe).run {
      if case .step(let step) = $0 { rates.append(step.learningRate) }
      return .continue
    }
    #expect(rates == [0.0025, 0.005, 0.0075, 0.01])
  }

  @Test(arguments: ["layers.1.up", "finalNorm"], [Float.nan, .infinity])
  func aSpoiltGradientStopsTheRunBeforeTheWeights(_ parameter: String, _ value: Float) throws {
    let model = Small.model()
    // two micro-batches per step: the sixth call is in step 3
    let objective = SpoiltObjective(call: 6, spoil: .gradient(parameter: parameter, value))
    let trainer = try Trainer(
      model: model, objective: objective, data: Small.text(), recipe: Small.recipe(steps: 10))
    var weights: [UInt32] = []
    let error = #expect(throws: TrainingError.self) {
      try trainer.run { _ in
        weights = (try? Small.weights(model)) ?? []
        return .continue
      }
    }
    let norm = value.isNaN ? "nan" : "inf"
    #expect(error == .notFinite(step: 3, quantity: "gradient norm", value: norm, tensor: parameter))
    #expect(
      error?.description.hasPrefix(
        "step 3: the gradient norm is \(norm), the gradient of \(parameter) is not finite; the weights were left")
        == true)
    #expect(try Small.weights(model) == weights)
    #expect(trainer.stepsDone == 2)
  }

  @Test(arguments: [(Double.nan, "nan"), (-Double.nan, "nan"), (Double.infinity, "inf"), (-Double.infinity, "-inf")])
  func aSpoiltLossStopsTheRunBeforeTheWeights(_ value: Double, _ text: String) throws {
    let model = Small.model()
    let weights = try Small.weights(model)
    let trainer = try Trainer(
      model: model, objective: SpoiltObjective(call: 1, spoil: .loss(value)), data: Small.text(),
      recipe: Small.recipe(steps: 10))
    #expect(throws: TrainingError.notFinite(step: 1, quantity: "loss", value: text, tensor: nil)) {
      try trainer.run()
    }
    #expect(try Small.weights(model) == weights)
  }

  @Test func aStopEndsAfterTheStep() throws {
    let trainer = try Trainer(
      model: Small.model(), objective: CrossEntropyObjective(), data: Small.text(), recipe: Small.recipe(steps: 10))
    let summary = try trainer.run { event in
      if case .step(let step) = event, step.number == 4 { return .stop }
      return .continue
    }
    #expect(summary.steps == 4)
    #expect(!summary.isComplete)
    #expect(try trainer.run().isComplete)
  }

  @Test func weightsDoNotDependOnTheNumberOfThreads() throws {
    var weights: [[UInt32]] = []
    for threads in [1, 2, 3, 8] {
      let model = Small.model(threads: threads)
      try Trainer(
        model: model, objective: CrossEntropyObjective(), data: Small.text(), recipe: Small.recipe(steps: 5)
      ).run()
      weights.append(try Small.weights(model))
    }
    #expect(weights[0] != (try Small.weights(Small.model())))
    #expect(weights[1...].allSatisfy { $0 == weights[0] })
  }

  @Test func whatDoesNotFitTheModelIsRefused() throws {
    var recipe = Small.recipe(steps: 1)
    recipe.sequenceLength = 17
    let long = try PackedSequences(Small.tokens(100), sequenceLength: 17, name: "long")
    #expect(
      throws: TrainingError.value(
        InvalidValue("sequence-length", expected: "at most 16, the context of the model", found: "17"))
    ) {
      try Trainer(model: Small.model(), objective: CrossEntropyObjective(), data: long, recipe: recipe)
    }
    #expect(
      throws: TrainingError.value(
        InvalidValue("sequence-length", expected: "12, in which small.txt was packed", found: "17"))
    ) {
      try Trainer(model: Small.model(), objective: CrossEntropyObjective(), data: Small.text(), recipe: recipe)
    }
    for position in [0, 12] {
      var ids = [Int32](repeating: 3, count: 13)
      ids[position] = 31
      let foreign = try PackedSequences(TokenArray(ids), sequenceLength: 12, name: "foreign")
      let trainer = try Trainer(
        model: Small.model(), objective: CrossEntropyObjective(), data: foreign, recipe: Small.recipe(steps: 1))
      let error = #expect(throws: TrainingError.self) { try trainer.run() }
      #expect(
        try #require(error).description
          == "foreign: token id: expected 0 to 30, the model's vocabulary, found 31; it was tokenised for another model"
      )
    }
  }
}
