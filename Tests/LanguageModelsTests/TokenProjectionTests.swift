import TensorCore
import Testing

@testable import LanguageModels

/// Passes that look the first layer's queries, keys and values up, beside the pass that computes them, which observers
/// get.
@Suite("Projections of token ids") struct TokenProjectionTests {
  private static let vocabulary = 1_100
  private static let configuration = DecoderConfiguration(
    vocabularySize: vocabulary, hiddenSize: 48, feedForwardSize: 96, layerCount: 2, headCount: 4, keyValueHeadCount: 2,
    contextLength: 300, tiesEmbeddings: true, biases: .attention, initializerRange: 0.2)

  private func ids(_ count: Int) -> [Int32] {
    var generator = SeededGenerator(seed: 2)
    return (0..<count).map { _ in Int32.random(in: 0..<Int32(Self.vocabulary), using: &generator) }
  }

  /// One of which everything differs from Llama that is there before rotation.
  private static var another: DecoderConfiguration {
    var configuration = configuration
    configuration.embeddingScale = .rootOfHiddenSize
    configuration.normOffset = 1
    configuration.hasPostNorms = true
    configuration.normalizesQueriesAndKeys = true
    configuration.residualScale = 0.5
    configuration.attention[0].rotary = nil
    return configuration
  }

  private func decoder(
    _ precision: ProductPrecision, on device: Device, _ configuration: DecoderConfiguration = configuration
  ) -> FrozenDecoder {
    TransformerDecoder(configuration: configuration, seed: 1, precision: precision, device: device)
      .frozen(isConstant: true)
  }

  @Test("So have those of a decoder that normalises queries and keys", arguments: ProductPrecision.allCases)
  func bitsOfAnother(precision: ProductPrecision) throws {
    let ids = ids(8 * 130)
    let decoder = decoder(precision, on: Device(threads: 2), Self.another)
    let expected = decoder.hiddenStates(ids, batchSize: 8) { _, _ in }.array()
    for _ in 1...3 { #expect(decoder.hiddenStates(ids, batchSize: 8).array() == expected) }
    #expect((decoder.tokenProjections(forPassOf: ids.count) != nil) == decoder.device.rowsAreIndependent)
  }

  @Test(
    "They have the bits of those computed token by token, on every number of threads",
    arguments: ProductPrecision.allCases, MatrixBackendKind.available)
  func bits(precision: ProductPrecision, kind: MatrixBackendKind) throws {
    for (size, length) in [(8, 130), (5, 300), (1_024, 1), (37, 29)] {
      try checkBits(precision, size: size, length: length, kind)
    }
  }

  private func checkBits(_ precision: ProductPrecision, size: Int, length: Int, _ kind: MatrixBackendKind) throws {
    let ids = ids(size * length)
    let expected = decoder(precision, on: try Device(threads: 1, backend: kind)).hiddenStates(ids, batchSize: size) {
      _, _ in
    }.array()
    for threads in [1, 2, 3, 8] {
      let decoder = decoder(precision, on: try Device(threads: threads, backend: kind))
      for pass in 1...4 {
        #expect(
          decoder.hiddenStates(ids, batchSize: size).array() == expected, "\(threads) threads, pass \(pass)")
      }
      // that they are looked up at all
      #expect((decoder.tokenProjections(forPassOf: ids.count) != nil) == decoder.device.rowsAreIndependent)
    }
  }

  @Test("They are made once as many tokens have passed as there are ids, and not for passes of few")
  func when() throws {
    let decoder = decoder(.float32, on: try Device(threads: 2, backend: .reference))
    #expect(decoder.tokenProjections(forPassOf: Self.vocabulary - 1) == nil)
    #expect(decoder.tokenProjections(forPassOf: Self.vocabulary) == nil)
    #expect(decoder.tokenProjections(forPassOf: 1_024) != nil)
    #expect(decoder.tokenProjections(forPassOf: 1_023) == nil)
  }

  @Test("Weights that a training run changes have none")
  func changingWeights() {
    let decoder = TransformerDecoder(configuration: Self.configuration, seed: 1).frozen()
    for _ in 1...3 { #expect(decoder.tokenProjections(forPassOf: Self.vocabulary) == nil) }
  }

  /// Channels, layers, width, heads, ids: as in docs/performance/results.md.
  @Test(
    "They are made where they are a gain worth their memory",
    arguments: [
      (256, 6, 704, 8, 4_096, true), (192, 4, 512, 4, 2_048, true), (288, 6, 768, 6, 32_000, false),
      (768, 12, 2_048, 12, 32_000, false), (288, 6, 768, 6, 4_096, true), (288, 6, 768, 6, 8_192, false),
      (4_096, 8, 11_008, 32, 32_000, false),
    ])
  func worth(sizes: (channels: Int, layers: Int, width: Int, heads: Int, vocabulary: Int, pays: Bool)) {
    let configuration = DecoderConfiguration(
      vocabularySize: sizes.vocabulary, hiddenSize: sizes.channels, feedForwardSize: sizes.width,
      layerCount: sizes.layers, headCount: sizes.heads, keyValueHeadCount: sizes.heads, contextLength: 256,
      tiesEmbeddings: true)
    #expect(configuration.hasWorthwhileTokenProjections == sizes.pays)
  }
}
