import Diagnostics
import Foundation
import ModelTraining
import Testing

@Suite struct RecipeTests {
  @Test func defaultsAreAccepted() throws {
    try TrainingRecipe(steps: 1).validate()
    try TrainingRecipe(epochs: 0.5).validate()
  }

  struct Bad: Sendable, CustomTestStringConvertible {
    let key: String
    let found: String
    let change: @Sendable (inout TrainingRecipe) -> Void
    var testDescription: String { "\(key) \(found)" }

    init(_ key: String, _ found: String, _ change: @escaping @Sendable (inout TrainingRecipe) -> Void) {
      (self.key, self.found, self.change) = (key, found, change)
    }
  }

  static let bad = [
    Bad("steps", "neither") { $0.steps = nil },
    Bad("steps", "both") { $0.epochs = 1 },
    Bad("steps", "0") { $0.steps = 0 },
    Bad("epochs", "-1.0") { ($0.steps, $0.epochs) = (nil, -1) },
    Bad("epochs", "nan") { ($0.steps, $0.epochs) = (nil, .nan) },
    Bad("epochs", "inf") { ($0.steps, $0.epochs) = (nil, .infinity) },
    Bad("batch-size", "0") { $0.batchSize = 0 },
    Bad("batch-size", "9223372036854775807") { $0.batchSize = .max },
    Bad("micro-batch-size", "16 sequences of 1048577") { $0.sequenceLength = (1 << 20) + 1 },
    Bad("sequence-length", "1 sequences of 9223372036854775807") { ($0.batchSize, $0.sequenceLength) = (1, .max) },
    Bad("micro-batch-size", "0") { $0.microBatchSize = 0 },
    Bad("micro-batch-size", "5") { $0.microBatchSize = 5 },
    Bad("micro-batch-size", "32") { $0.microBatchSize = 32 },
    Bad("sequence-length", "-3") { $0.sequenceLength = -3 },
    Bad("learning-rate", "0.0") { $0.learningRate = 0 },
    Bad("learning-rate", "-0.1") { $0.learningRate = -0.1 },
    Bad("learning-rate", "nan") { $0.learningRate = .nan },
    Bad("learning-rate", "inf") { $0.learningRate = .infinity },
    Bad("minimum-learning-rate-ratio", "1.5") { $0.minimumLearningRateRatio = 1.5 },
    Bad("minimum-learning-rate-ratio", "-0.5") { $0.minimumLearningRateRatio = -0.5 },
    Bad("warmup-steps", "-1") { $0.warmupSteps = -1 },
    Bad("warmup-steps", "101") { $0.warmupSteps = 101 },
    Bad("beta1", "1.0") { $0.beta1 = 1 },
    Bad("beta2", "-0.1") { $0.beta2 = -0.1 },
    Bad("epsilon", "0.0") { $0.epsilon = 0 },
    Bad("weight-decay", "-1.0") { $0.weightDecay = -1 },
    Bad("gradient-clip", "-1.0") { $0.gradientClip = -1 },
    Bad("gradient-clip", "nan") { $0.gradientClip = .nan },
    Bad("evaluate-every", "0") { $0.evaluateEvery = 0 },
    Bad("evaluation-sequences", "0") { $0.evaluationSequences = 0 },
    Bad("checkpoint-every", "-2") { $0.checkpointEvery = -2 },
    Bad("kept-checkpoints", "0") { $0.keptCheckpoints = 0 },
  ]

  @Test(arguments: bad)
  func nonsenseIsNamed(_ bad: Bad) throws {
    var recipe = TrainingRecipe(steps: 100)
    bad.change(&recipe)
    let error = #expect(throws: TrainingError.self) { try recipe.validate() }
    guard case .value(let value)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(value.key == bad.key)
    #expect(value.found == bad.found)
    #expect(error?.description == "\(bad.key): expected \(value.expected), found \(bad.found)")
  }

  @Test func epochsBecomeStepsRoundedUp() throws {
    #expect(try TrainingRecipe(epochs: 1, batchSize: 16).totalSteps(sequences: 160) == 10)
    #expect(try TrainingRecipe(epochs: 1, batchSize: 16).totalSteps(sequences: 161) == 11)
    #expect(try TrainingRecipe(epochs: 0.25, batchSize: 16).totalSteps(sequences: 160) == 3)
    #expect(try TrainingRecipe(epochs: 0.001, batchSize: 16).totalSteps(sequences: 1) == 1)
    #expect(try TrainingRecipe(steps: 7, batchSize: 16).totalSteps(sequences: 1) == 7)
  }

  @Test func aWarmUpLongerThanItsEpochsIsRefused() {
    #expect(
      throws: TrainingError.value(
        InvalidValue("warmup-steps", expected: "at most the 10 steps of the run", found: "11"))
    ) {
      try TrainingRecipe(epochs: 1, batchSize: 16, warmupSteps: 11).totalSteps(sequences: 160)
    }
  }

  @Test func epochsWithoutEndAreRefused() {
    #expect(throws: TrainingError.self) { try TrainingRecipe(epochs: 1e300).totalSteps(sequences: 160) }
  }

  @Test func aRecipeSurvivesJSON() throws {
    let recipe = TrainingRecipe(
      epochs: 1.5, batchSize: 8, microBatchSize: 2, learningRate: 3e-4, decay: .linear, seed: .max, evaluateEvery: 5)
    #expect(try JSONDecoder().decode(TrainingRecipe.self, from: JSONEncoder().encode(recipe)) == recipe)
  }
}
