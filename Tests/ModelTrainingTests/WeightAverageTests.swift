import Diagnostics
import Foundation
import LanguageModels
import ModelFiles
import TensorCore
import TestSupport
import Testing

@testable import ModelTraining

/// The moving average of a run's weights.
@Suite struct WeightAverageTests {
  private func recipe(_ decay: Double?, steps: Int = 9) -> TrainingRecipe {
    var recipe = Small.recipe(steps: steps)
    recipe.averageDecay = decay
    return recipe
  }

  private func values(_ model: TransformerDecoder) throws -> [Float] {
    try #require(model.parameters.values).array()
  }

  /// The average in Double of the weights after each step of a run without one, whose steps are the same.
  @Test(arguments: [0.3, 0.9, 0.999])
  func theModelIsTheAverageOfTheStepsWeights(_ decay: Double) throws {
    let plain = Small.model()
    var average = try values(plain).map(Double.init)
    try Small.trainer(plain, recipe(nil)).run { event in
      guard case .step(let step) = event, let now = plain.parameters.values?.array() else { return .continue }
      let kept = min(decay, Double(step.number + 1) / Double(step.number + 10))
      for index in average.indices { average[index] += (1 - kept) * (Double(now[index]) - average[index]) }
      return .continue
    }
    let model = Small.model()
    var trained: [Float] = []
    let summary = try Small.trainer(model, recipe(decay)).run { event in
      if case .step = event { trained = model.parameters.values?.array() ?? [] }
      return .continue
    }
    #expect(try trained == values(plain))
    let found = try values(model)
    #expect(zip(found, average).allSatisfy { abs(Double($0) - $1) < 1e-6 } && found != trained)
    // what is validated is what is kept
    let text = try Small.validation(100, seed: 6)
    let sums = text.groups(first: nil).reduce(into: LossSums.zero) {
      $0 += CrossEntropyObjective().measure(model.frozen(), on: text.batch($1), at: .only)
    }
    #expect(summary.lastValidation?.loss == sums.perToken.loss)
  }

  @Test(arguments: [nil, QuantisedWeights.q8_0])
  func resumingAndThreadsChangeNoBit(_ type: QuantisedWeights?) throws {
    let folder = try TemporaryFolder()
    var recipe = recipe(0.9)
    (recipe.evaluateEvery, recipe.checkpointEvery) = (2, 4)
    recipe.quantisedWeights = type
    let configuration =
      type.map { _ in
        DecoderConfiguration(
          vocabularySize: 31, hiddenSize: 32, feedForwardSize: 64, layerCount: 1, headCount: 2, keyValueHeadCount: 1,
          headSize: 16, contextLength: 16, tiesEmbeddings: true, initializerRange: 0.1)
      } ?? Small.configuration
    func model(seed: UInt64 = 1, threads: Int = 1) -> TransformerDecoder {
      TransformerDecoder(configuration: configuration, seed: seed, device: Device(threads: threads))
    }
    let whole = model()
    try Small.trainer(whole, recipe, folder: RunFolder(small: folder.file("whole"))).run()
    try Small.trainer(model(), recipe, folder: RunFolder(small: folder.file("run"))).run { event in
      if case .step(let step) = event, step.number == 5 { return .stop }
      return .continue
    }
    let resumed = model(seed: 5, threads: 3)
    try Small.trainer(resumed, recipe, folder: RunFolder(small: folder.file("run"), resuming: true)).run()
    #expect(try Small.weights(resumed) == Small.weights(whole))
    let stored = try TransformerDecoder(openModel(at: folder.file("run")))
    #expect(try Small.weights(stored) == Small.weights(whole))
    // a checkpoint has the weights that are trained
    let checkpoint = try #require(RunFolder.newestCheckpoint(ofRun: folder.file("run")))
    #expect(try Small.weights(TransformerDecoder(openModel(at: checkpoint.url))) != Small.weights(whole))
  }

  @Test func aCheckpointWithoutItsAverageIsDamaged() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    try Small.trainer(Small.model(), recipe(0.9), folder: RunFolder(small: url)).run { event in
      if case .step(let step) = event, step.number == 5 { return .stop }
      return .continue
    }
    let checkpoint = try #require(RunFolder.newestCheckpoint(ofRun: url)).url
    try FileManager.default.removeItem(at: checkpoint.appendingPathComponent("average.safetensors"))
    let error = #expect(throws: TrainingError.self) {
      try Small.trainer(Small.model(), recipe(0.9), folder: RunFolder(small: url, resuming: true)).run()
    }
    #expect(error?.description.contains("average.safetensors") == true)
  }

  @Test(arguments: [0, 1, -0.5, 1.5, .nan, 1 - 1e-12])
  func aDecayThatIsNoneIsRefused(_ decay: Double) {
    #expect(
      throws: TrainingError.value(
        InvalidValue("ema-decay", expected: "a number above 0 and below 1", found: "\(decay)"))
    ) { try recipe(decay).validate() }
  }
}
