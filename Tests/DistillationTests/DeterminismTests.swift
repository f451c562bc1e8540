import Distillation
import LanguageModels
import ModelFiles
import ModelTraining
import TensorCore
import Testing

/// Large enough for every product to be cut into several pieces, and the tokens into two blocks.
@Suite struct DeterminismTests {
  private func configuration(hiddenSize: Int, layerCount: Int) -> DecoderConfiguration {
    DecoderConfiguration(
      vocabularySize: 1_000, hiddenSize: hiddenSize, feedForwardSize: 5 * hiddenSize / 3, layerCount: layerCount,
      headCount: 4, keyValueHeadCount: 2, contextLength: 48, tiesEmbeddings: true, initializerRange: 0.1)
  }

  /// The student's weights after two distillation steps, as bits.
  private func weights(threads: Int, precision: ProductPrecision, kind: MatrixBackendKind) throws -> [UInt32] {
    let device = try Device(threads: threads, backend: kind)
    let teacher = TransformerDecoder(
      configuration: configuration(hiddenSize: 120, layerCount: 2), seed: 1, precision: precision, device: device)
    let student = TransformerDecoder(
      configuration: configuration(hiddenSize: 96, layerCount: 1), seed: 2, precision: precision, device: device)
    let objective = LiveTeacherObjective(
      teacher: teacher, objective: DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5))
    let optimizer = AdamW(student.parameters)
    var generator = SeededGenerator(seed: 3)
    let sequences = (0..<8).map { _ in (0..<48).map { _ in Int32.random(in: 0..<1_000, using: &generator) } }
    let batch = TokenBatch(
      ids: sequences.flatMap(\.self), targets: sequences.flatMap { $0.dropFirst() + [-1] }, batchSize: 8)
    for _ in 0..<2 {
      student.parameters.zeroGradients()
      _ = objective.accumulateGradients(of: student, on: batch, at: .only, scale: 1 / Double(batch.countedTokens))
      let norm = student.parameters.gradientSquareSum().squareRoot()
      optimizer.update(learningRate: 1e-2, gradientScale: AdamW.clippingFactor(norm: norm, limit: 1))
    }
    return student.parameters.parameters.flatMap { $0.value.array().map(\.bitPattern) }
  }

  @Test(arguments: ProductPrecision.allCases, MatrixBackendKind.available)
  func weightsDoNotDependOnTheNumberOfThreads(_ precision: ProductPrecision, kind: MatrixBackendKind) throws {
    let one = try weights(threads: 1, precision: precision, kind: kind)
    for threads in [2, 3, 8] {
      #expect(try weights(threads: threads, precision: precision, kind: kind) == one, "\(threads) threads")
    }
  }
}
