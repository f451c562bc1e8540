import LanguageModels
import TensorCore
import TestSupport
import Testing

@testable import ModelTraining

/// Batches of more tokens than are computed at once.
@Suite struct MicroBatchTests {
  private func model(vocabularySize: Int = 61, precision: ProductPrecision = .float32, device: Device)
    -> TransformerDecoder
  {
    let configuration = DecoderConfiguration(
      vocabularySize: vocabularySize, hiddenSize: 48, feedForwardSize: 80, layerCount: 2, headCount: 4,
      keyValueHeadCount: 2, contextLength: 2_000, tiesEmbeddings: true, initializerRange: 0.1)
    return TransformerDecoder(configuration: configuration, seed: 1, precision: precision, device: device)
  }

  /// Of the first sequence nothing is counted, of the others all but the last token.
  private func batch(_ batchSize: Int, length: Int) -> TokenBatch {
    var generator = SeededGenerator(seed: 2)
    let sequences = (0..<batchSize).map { _ in (0..<length).map { _ in Int32.random(in: 0..<61, using: &generator) } }
    let targets = sequences.enumerated().map { index, ids in
      index == 0 ? ids.map { _ in -1 } : ids.dropFirst() + [-1]
    }
    return TokenBatch(
      ids: sequences.flatMap(\.self), targets: targets.flatMap(\.self), batchSize: batchSize,
      sequences: (0..<batchSize).map { 100 - $0 })
  }

  @Test(arguments: [
    (8, 256, [4, 4]), (9, 300, [3, 3, 3]), (5, 400, [1, 2, 2]), (3, 1_500, [1, 1, 1]), (4, 256, [4]), (2, 3, [2]),
  ])
  func microBatchesAreWholeSequences(batchSize: Int, length: Int, expected: [Int]) {
    let batch = batch(batchSize, length: length)
    let parts = batch.microBatches(for: model(device: Device(threads: 1)))
    #expect(parts.map(\.batchSize) == expected && parts.allSatisfy { $0.length == length })
    #expect(parts.flatMap(\.ids) == batch.ids && parts.flatMap(\.targets) == batch.targets)
    #expect(parts.flatMap(\.sequences) == batch.sequences)
  }

  @Test func aHeadThatIsTheGreaterPartIsReadOnce() {
    let batch = batch(8, length: 256)
    #expect(batch.microBatches(for: model(vocabularySize: 5_000, device: Device(threads: 1))) == [batch])
  }

  @Test func gradientsAreThoseOfTheWholeBatchInLessMemory() throws {
    let batch = batch(12, length: 256)
    typealias Found = (gradients: [Float], sums: LossSums, bytes: Int)
    func found(_ accumulate: (TransformerDecoder) -> LossSums) throws -> Found {
      let device = Device(threads: 2)
      let model = model(device: device)
      let sums = accumulate(model)
      return (try #require(model.parameters.gradients).array(), sums, device.peakBytes)
    }
    let scale = 1 / Double(batch.countedTokens)
    let whole = try found { CrossEntropyObjective().accumulateGradients(of: $0, on: batch, at: .only, scale: scale) }
    let parts = try found {
      CrossEntropyObjective().accumulateGradientsInMicroBatches(of: $0, on: batch, at: .only, scale: scale)
    }
    #expect(relativeError(parts.gradients, whole.gradients.map(Double.init)) < 1e-5)
    #expect(parts.sums.tokens == whole.sums.tokens)
    #expect(abs(parts.sums.loss / whole.sums.loss - 1) < 1e-9)
    #expect(parts.bytes < whole.bytes / 2, "\(parts.bytes) bytes, and \(whole.bytes) of the whole batch")
  }

  @Test(arguments: ProductPrecision.allCases) func theirBitsDoNotDependOnThreads(_ precision: ProductPrecision) throws {
    let batch = batch(8, length: 256)
    func bits(threads: Int) throws -> [UInt32] {
      let model = model(precision: precision, device: Device(threads: threads))
      _ = CrossEntropyObjective().accumulateGradientsInMicroBatches(of: model, on: batch, at: .only, scale: 1e-3)
      return try #require(model.parameters.gradients).array().map(\.bitPattern)
    }
    let one = try bits(threads: 1)
    for threads in [2, 3, 8] { #expect(try bits(threads: threads) == one, "\(threads) threads") }
  }
}
