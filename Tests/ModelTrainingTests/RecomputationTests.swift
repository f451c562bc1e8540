import LanguageModels
import TensorCore
import Testing

@testable import ModelTraining

/// Runs whose layers are computed anew in the backward pass.
@Suite struct RecomputationTests {
  @Test(arguments: [nil, QuantisedWeights.q8_0]) func aRunEndsWithTheSameWeights(_ type: QuantisedWeights?) throws {
    let configuration = DecoderConfiguration(
      vocabularySize: 31, hiddenSize: 32, feedForwardSize: 64, layerCount: 3, headCount: 2, keyValueHeadCount: 1,
      contextLength: 16, tiesEmbeddings: true, initializerRange: 0.1)
    func weights(recomputes: Bool) throws -> [UInt32] {
      let model = TransformerDecoder(configuration: configuration, seed: 1, device: Device(threads: 2))
      model.recomputesLayers = recomputes
      var recipe = Small.recipe(steps: 4)
      recipe.quantisedWeights = type
      try Trainer(model: model, objective: CrossEntropyObjective(), data: Small.text(), recipe: recipe).run()
      return try Small.weights(model)
    }
    #expect(try weights(recomputes: true) == weights(recomputes: false))
  }

  @Test func activationsOfOneLayerAreHeldAtOnce() {
    func peak(layers: Int, recomputes: Bool) -> Int {
      let configuration = DecoderConfiguration(
        vocabularySize: 61, hiddenSize: 48, feedForwardSize: 80, layerCount: layers, headCount: 4, keyValueHeadCount: 2,
        contextLength: 512, tiesEmbeddings: true, initializerRange: 0.1)
      let model = TransformerDecoder(configuration: configuration, seed: 1, device: Device(threads: 1))
      model.recomputesLayers = recomputes
      let before = model.device.peakBytes
      let ids = (0..<1_024).map { Int32($0 % 61) }
      let batch = TokenBatch(ids: ids, targets: ids, batchSize: 2)
      _ = CrossEntropyObjective().accumulateGradients(of: model, on: batch, at: .only, scale: 1e-3)
      return model.device.peakBytes - before
    }
    let more = peak(layers: 8, recomputes: true) - peak(layers: 4, recomputes: true)
    // of each layer more, its input alone: 1,024 tokens of 48 channels
    #expect(more <= 4 * 4 * 1_024 * 48 * 9 / 8, "\(more) bytes for four layers")
    #expect(peak(layers: 16, recomputes: true) * 3 < peak(layers: 16, recomputes: false))
  }
}
