import LanguageModels
import TensorCore
import Testing

@Suite struct WeightRoleTests {
  static let configuration = DecoderConfiguration(
    vocabularySize: 67, hiddenSize: 24, feedForwardSize: 40, layerCount: 3, headCount: 4, keyValueHeadCount: 2,
    biases: [.query, .down])

  /// The order is that of memory, of random draws and of files: it must not change.
  @Test func weightsAreInTheOrderOfMemory() {
    let roles = Self.configuration.weights.map { "\($0.role)" }
    #expect(
      roles.prefix(13) == [
        "embedding", "layers.0.query", "layers.0.query.bias", "layers.0.key", "layers.0.value", "layers.0.output",
        "layers.0.gate", "layers.0.up", "layers.0.down", "layers.0.down.bias", "layers.0.attentionNorm",
        "layers.0.feedForwardNorm", "layers.1.query",
      ])
    #expect(roles.suffix(2) == ["finalNorm", "head"])
    #expect(Set(roles).count == roles.count && roles.count == 1 + 3 * 11 + 2)
  }

  @Test(arguments: [true, false]) func theyAreCountedWithoutMemory(tied: Bool) {
    var configuration = Self.configuration
    configuration.tiesEmbeddings = tied
    let decoder = TransformerDecoder(configuration: configuration, seed: 1, device: Device(threads: 1))
    #expect(configuration.weightCount == decoder.parameters.count)
    #expect(configuration.weights.map(\.role) == decoder.weights.map(\.role))
    #expect(configuration.weights.map(\.shape) == decoder.parameters.parameters.map(\.shape))
    configuration.hiddenSize = .max
    #expect(configuration.weightCount == nil)
  }

  /// All matrices but the embedding do, as in the PyTorch fixtures.
  @Test func whatDecays() {
    for weight in Self.configuration.weights {
      #expect(weight.decays == (weight.shape.count == 2 && weight.role != .embedding), "\(weight.role)")
    }
  }
}
