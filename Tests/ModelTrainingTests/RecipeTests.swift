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
    Bad("sequence-length", "1 sequence of 9223372036854775807") { ($0.batchSize, $0.sequenceLength) = (1, .max) },
    Bad("micro-batch-size", "0") { $0.microBatchSize = 0 },
    Bad("micro-batch-size", "5") { $0.microBatchSize = 5 },
    Bad("micro-batch-size", "32") { $0.microBatchSize = 32 },
    Bad("sequence-length", "-3") { $0.sequenceLength = -3 },
    Bad("learning-rate", "0.0") { $0.learningRate = 0 },
    Bad("learning-rate", "-0.1") { $0.learningRate = -0.1 },
    Bad("learning-rate", "nan") { $0.learningRate = .nan },
    Bad("learning-rate", "inf") { $0.learningRate = .infinity },
    Bad("learning-rate", "1e+39") { $0.learningRate = 1e39 },
    Bad("learning-rate", "1e-60") { $0.learningRate = 1e-60 },
    Bad("minimum-learning-rate-ratio", "1.5") { $0.minimumLearningRateRatio = 1.5 },
    Bad("minimum-learning-rate-ratio", "-0.5") { $0.minimumLearningRateRatio = -0.5 },
    Bad("warmup-steps", "-1") { $0.warmupSteps = -1 },
    Bad("beta1", "1.0") { $0.beta1 = 1 },
    Bad("beta1", "0.999999999") { $0.beta1 = 0.999_999_999 },
    Bad("beta2", "-0.1") { $0.beta2 = -0.1 },
    Bad("epsilon", "0.0") { $0.epsilon = 0 },
    Bad("epsilon", "1e-60") { $0.epsilon = 1e-60 },
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

  /// A text of so many sequences of 4 tokens.
  private func text(_ sequences: Int) throws -> PackedSequences {
    let ids = [Int32](repeating: 3, count: 4 * sequences + 1)
    return try PackedSequences(TokenArray(ids), sequenceLength: 4, name: "text")
  }

  @Test func epochsBecomeStepsRoundedUp() throws {
    #expect(try TrainingRecipe(epochs: 1, batchSize: 16).length(over: text(160)).steps == 10)
    #expect(try TrainingRecipe(epochs: 1, batchSize: 16).length(over: text(161)).steps == 11)
    #expect(try TrainingRecipe(epochs: 0.25, batchSize: 16).length(over: text(160)).steps == 3)
    #expect(try TrainingRecipe(epochs: 0.001, batchSize: 16).length(over: text(1)).steps == 1)
    #expect(try TrainingRecipe(steps: 7, batchSize: 16).length(over: text(1)).steps == 7)
    #expect(try TrainingRecipe(steps: .max, batchSize: 16).length(over: text(1)).steps == .max)
  }

  @Test(arguments: [0, -1, 1_000_001, 1e300, .infinity, .nan, -.infinity])
  func epochsThatMakeNoSenseAreRefused(_ epochs: Double) throws {
    let text = try text(160)
    #expect(throws: TrainingError.self) { try TrainingRecipe(epochs: epochs).length(over: text) }
  }

  /// Numbers at the ends of their types are taken or refused, and end no process.
  @Test func extremeNumbersDoNotTrap() throws {
    let text = try text(3)
    let integers: [WritableKeyPath<TrainingRecipe, Int>] = [
      \.batchSize, \.sequenceLength, \.warmupSteps, \.keptCheckpoints,
    ]
    let optionals: [WritableKeyPath<TrainingRecipe, Int?>] = [
      \.steps, \.microBatchSize, \.evaluateEvery, \.evaluationSequences, \.checkpointEvery,
    ]
    let numbers: [WritableKeyPath<TrainingRecipe, Double>] = [
      \.learningRate, \.minimumLearningRateRatio, \.beta1, \.beta2, \.epsilon, \.weightDecay, \.gradientClip,
    ]
    for value in [Int.max, .min, 1 << 62, -1, 0] {
      for key in integers {
        var recipe = TrainingRecipe(steps: 2)
        recipe[keyPath: key] = value
        _ = try? recipe.length(over: text)
      }
      for key in optionals {
        var recipe = TrainingRecipe(steps: 2)
        recipe[keyPath: key] = value
        _ = try? recipe.length(over: text)
      }
    }
    for value in [Double.nan, .infinity, -.infinity, .greatestFiniteMagnitude] {
      for key in numbers {
        var recipe = TrainingRecipe(steps: 2)
        recipe[keyPath: key] = value
        if value.isFinite {
          _ = try? recipe.validate()
        } else {
          #expect(throws: TrainingError.self) { try recipe.validate() }
        }
      }
    }
  }

  @Test func aRecipeSurvivesJSON() throws {
    let recipe = TrainingRecipe(
      epochs: 1.5, batchSize: 8, microBatchSize: 2, learningRate: 3e-4, decay: .linear, seed: .max, evaluateEvery: 5)
    #expect(try JSONDecoder().decode(TrainingRecipe.self, from: JSONEncoder().encode(recipe)) == recipe)
  }
}
