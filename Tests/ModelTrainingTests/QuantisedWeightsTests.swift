import Foundation
import GGUF
import LanguageModels
import ModelFiles
import TensorCore
import TestSupport
import Testing

@testable import ModelTraining

/// Training through the rounding of a file's blocks, beside the files themselves.
@Suite struct QuantisedWeightsTests {
  /// Rows of 256, which Q6_K's blocks fill, of 64, and of 24, which no block fills.
  private static let configuration = DecoderConfiguration(
    vocabularySize: 31, hiddenSize: 256, feedForwardSize: 24, layerCount: 1, headCount: 4, keyValueHeadCount: 2,
    headSize: 16, contextLength: 16, tiesEmbeddings: true, initializerRange: 0.1)

  private func model(seed: UInt64 = 1, threads: Int = 1) -> TransformerDecoder {
    TransformerDecoder(configuration: Self.configuration, seed: seed, device: Device(threads: threads))
  }

  private func recipe(_ type: QuantisedWeights?, steps: Int = 6) -> TrainingRecipe {
    var recipe = Small.recipe(steps: steps)
    recipe.quantisedWeights = type
    return recipe
  }

  /// The file that `model` is exported to.
  private func export(_ model: TransformerDecoder, _ type: QuantisedWeights, to url: URL) throws -> any StoredModel {
    _ = try model.writeGGUF(
      to: url, saying: model.configuration, with: [], as: try #require(GGUFWeightType(rawValue: type.rawValue)))
    return try openModel(at: url)
  }

  @Test(arguments: QuantisedWeights.allCases)
  func lossAndGradientAreThoseOfTheFile(_ type: QuantisedWeights) throws {
    let folder = try TemporaryFolder()
    let exported = try export(model(), type, to: folder.file("before.gguf"))
    let plain = try TransformerDecoder(exported, device: Device(threads: 1))
    var steps: [TrainingStep] = []
    for (model, recipe) in [(model(), recipe(type)), (plain, recipe(nil))] {
      try Small.trainer(model, recipe).run { event in
        guard case .step(let step) = event else { return .continue }
        steps.append(step)
        return .stop
      }
    }
    #expect(steps.count == 2 && steps[0].loss == steps[1].loss && steps[0].gradientNorm == steps[1].gradientNorm)
    let other = try Small.trainer(model(), recipe(nil)).run { event in
      if case .step = event { .stop } else { .continue }
    }
    #expect(other.lastStep?.loss != steps[0].loss)
  }

  @Test(arguments: QuantisedWeights.allCases)
  func theFileHoldsWhatWasTrained(_ type: QuantisedWeights) throws {
    let folder = try TemporaryFolder()
    let model = model()
    var trained: [[Float]] = []
    let run = try RunFolder(small: folder.file("run"))
    let summary = try Small.trainer(model, recipe(type), folder: run).run { event in
      if case .step = event { trained = model.weights.map { $0.parameter.value.array() } }
      return .continue
    }
    // the folder has the weights of the file, as float32
    let stored = try TransformerDecoder(openModel(at: folder.file("run")))
    #expect(try Small.weights(stored) == Small.weights(model))
    let exported = try #require(try export(stored, type, to: folder.file("after.gguf")) as? GGUFModel)
    let file = try TransformerDecoder(exported)
    #expect(try Small.weights(file) == Small.weights(model))
    // as the weights that were trained would be written, too
    for (weight, values) in zip(model.weights, trained) {
      let encoding = type.encoding(of: weight.role, in: model.configuration)
      let bytes = encoding.encode(values, on: .shared)
      var rounded = [Float](repeating: 0, count: values.count)
      var span = rounded.mutableSpan
      encoding.decode(bytes.span.bytes, into: &span)
      #expect(rounded == weight.parameter.value.array(), "\(weight.role)")
    }
    #expect(trained != model.weights.map { $0.parameter.value.array() })
    // the loss that was told is that of the file, where its weights lie
    let recipe = recipe(type)
    let text = try Small.validation(100, seed: 6)
    let frozen = try FrozenDecoder(exported, device: Device(threads: 1))
    let sums = text.groups(first: nil).reduce(into: LossSums.zero) {
      $0 += CrossEntropyObjective().measure(frozen, on: text.batch($1), at: .only)
    }
    #expect(summary.lastValidation?.loss == sums.perToken.loss && recipe.steps == summary.steps)
  }

  @Test func resumingAndThreadsChangeNoBit() throws {
    let folder = try TemporaryFolder()
    var recipe = recipe(.q4_0, steps: 9)
    (recipe.evaluateEvery, recipe.checkpointEvery) = (2, 4)
    let whole = model()
    try Small.trainer(whole, recipe, folder: RunFolder(small: folder.file("whole"))).run()
    try Small.trainer(model(), recipe, folder: RunFolder(small: folder.file("run"))).run { event in
      if case .step(let step) = event, step.number == 5 { return .stop }
      return .continue
    }
    let begun = recipe
    recipe.quantisedWeights = .q8_0
    #expect(
      throws: TrainingError.cannotResume(
        folder: folder.file("run").path, key: "student-weights", begun: "q4_0", now: "q8_0")
    ) { try Small.trainer(model(), recipe, folder: RunFolder(small: folder.file("run"), resuming: true)).run() }
    let resumed = model(seed: 5, threads: 3)
    try Small.trainer(resumed, begun, folder: RunFolder(small: folder.file("run"), resuming: true)).run()
    #expect(try Small.weights(resumed) == Small.weights(whole))
    // a checkpoint has the weights that are trained, not what a file holds of them
    let checkpoint = try #require(RunFolder.newestCheckpoint(ofRun: folder.file("run")))
    #expect(try Small.weights(TransformerDecoder(openModel(at: checkpoint.url))) != Small.weights(whole))
  }

  @Test func itLearnsDespiteTheRounding() throws {
    let model = model()
    var recipe = recipe(.q4_0, steps: 60)
    recipe.learningRate = 3e-3
    let summary = try Small.trainer(model, recipe).run()
    let (first, last) = (try #require(summary.firstStep), try #require(summary.lastStep))
    #expect(last.loss < first.loss - 0.5)
  }
}
