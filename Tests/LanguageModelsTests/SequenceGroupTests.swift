import Foundation
import LanguageModels
import ModelFiles
import TensorCore
import TestSupport
import Testing

/// Passes whose sequences are shared out among threads, beside the pass of all together that observers get.
@Suite("Groups of sequences of a forward pass") struct SequenceGroupTests {
  // products with more than 512 inputs are summed in parts where their rows are many, and without where they are few
  private static let configuration = DecoderConfiguration(
    vocabularySize: 67, hiddenSize: 48, feedForwardSize: 560, layerCount: 2, headCount: 4, keyValueHeadCount: 2,
    contextLength: 600, tiesEmbeddings: true, initializerRange: 0.2)

  private func ids(_ count: Int) -> [Int32] {
    var generator = SeededGenerator(seed: 2)
    return (0..<count).map { _ in Int32.random(in: 0..<67, using: &generator) }
  }

  /// A decoder whose weights are as constant as those of a checkpoint.
  private func decoder(_ precision: ProductPrecision, on device: Device) -> FrozenDecoder {
    TransformerDecoder(configuration: Self.configuration, seed: 1, precision: precision, device: device)
      .frozen(isConstant: true)
  }

  private func together(_ decoder: FrozenDecoder, _ ids: [Int32], batchSize: Int) -> [Float] {
    decoder.hiddenStates(ids, batchSize: batchSize) { _, _ in }.array()
  }

  @Test(
    "They have the bits of all sequences together, on every number of threads",
    arguments: ProductPrecision.allCases.flatMap { precision in
      MatrixBackendKind.available.map { (precision, kind: $0) }
    },
    [(8, 128), (16, 130), (17, 128), (100, 12), (7, 150), (4, 256), (2, 600), (3, 150), (40, 1)])
  func bits(
    setting: (precision: ProductPrecision, kind: MatrixBackendKind), batch: (size: Int, length: Int)
  ) throws {
    let ids = ids(batch.size * batch.length)
    func decoder(threads: Int) throws -> FrozenDecoder {
      self.decoder(setting.precision, on: try Device(threads: threads, backend: setting.kind))
    }
    let expected = together(try decoder(threads: 1), ids, batchSize: batch.size)
    for threads in [1, 2, 3, 8] {
      let decoder = try decoder(threads: threads)
      #expect(decoder.parameters.isConstant)
      #expect(decoder.hiddenStates(ids, batchSize: batch.size).array() == expected, "\(threads) threads")
      #expect(together(decoder, ids, batchSize: batch.size) == expected, "\(threads) threads, together")
    }
  }

  /// That sequences are shared out at all is seen in the memory they take.
  @Test("They take less memory than all sequences together", arguments: ProductPrecision.allCases)
  func memory(precision: ProductPrecision) {
    let ids = ids(16 * 128)
    let (shared, whole) = (decoder(precision, on: Device(threads: 2)), decoder(precision, on: Device(threads: 2)))
    _ = shared.hiddenStates(ids, batchSize: 16)
    _ = together(whole, ids, batchSize: 16)
    #expect(shared.device.peakBytes < whole.device.peakBytes / 2)
  }

  @Test("Weights that a training run changes are never kept as they were", arguments: ProductPrecision.allCases)
  func changingWeights(precision: ProductPrecision) {
    let model = TransformerDecoder(configuration: Self.configuration, seed: 1, precision: precision)
    let frozen = model.frozen()
    let ids = ids(16 * 128)
    let before = frozen.hiddenStates(ids, batchSize: 16).array()
    for parameter in model.parameters.parameters {
      parameter.value.withMutableSpan { values in for index in values.indices { values[index] *= 1.5 } }
    }
    let after = frozen.hiddenStates(ids, batchSize: 16).array()
    #expect(!frozen.parameters.isConstant)
    #expect(after != before)
    #expect(after == together(frozen, ids, batchSize: 16))
  }

  @Test("Weights of a checkpoint are constant, mapped or converted", arguments: [WeightType.float32, .bfloat16])
  func checkpoints(type: WeightType) throws {
    let folder = try TemporaryFolder()
    let url = folder.file("model")
    try TransformerDecoder(configuration: Self.configuration, seed: 1).write(to: url, as: type)
    let read = try FrozenDecoder(contentsOf: url)
    #expect(read.parameters.isConstant)
    #expect(try !TransformerDecoder(contentsOf: url).parameters.isConstant)
    let ids = ids(8 * 128)
    #expect(read.hiddenStates(ids, batchSize: 8).array() == together(read, ids, batchSize: 8))
  }
}
