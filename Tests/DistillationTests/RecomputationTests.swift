import Distillation
import LanguageModels
import ModelTraining
import TensorCore
import Testing

/// A student whose layers are computed anew in the backward pass.
@Suite struct RecomputationTests {
  private static func configuration(width: Int, layers: Int, postNorms: Bool) -> DecoderConfiguration {
    var configuration = DecoderConfiguration(
      vocabularySize: 300, hiddenSize: width, feedForwardSize: 2 * width, layerCount: layers, headCount: 4,
      keyValueHeadCount: 2, contextLength: 64, tiesEmbeddings: true, initializerRange: 0.2)
    configuration.hasPostNorms = postNorms
    configuration.normalizesQueriesAndKeys = true
    return configuration
  }

  private static let batch: TokenBatch = {
    var generator = SeededGenerator(seed: 3)
    let sequences = (0..<3).map { _ in (0..<50).map { _ in Int32.random(in: 0..<300, using: &generator) } }
    return TokenBatch(
      ids: sequences.flatMap(\.self), targets: sequences.flatMap { $0.dropFirst() + [-1] }, batchSize: 3)
  }()

  /// Every place of the student's that a term can pull on: projected and equal states, relations of an inner layer.
  private static let terms = HiddenStateTerms(
    pairs: [
      LayerPair(teacher: .layer(1), student: .layer(0)), LayerPair(teacher: .layer(0), student: .layer(1)),
      LayerPair(), LayerPair(teacher: .embedding, student: .embedding),
    ],
    cosineWeight: 0.7, meanSquareWeight: 0.4, relationPair: LayerPair(teacher: .layer(0), student: .layer(1)),
    relationWeight: 1.5, relationHeads: 2)

  private struct Found: Equatable {
    let loss: UInt64
    let gradients: [UInt32]
  }

  private func found(
    recomputes: Bool, teacherWidth: Int = 32, postNorms: Bool = false, precision: ProductPrecision = .float32,
    backend: MatrixBackendKind = .best
  ) throws -> Found {
    let device = try Device(threads: 2, backend: backend)
    let teacher = TransformerDecoder(
      configuration: Self.configuration(width: teacherWidth, layers: 3, postNorms: postNorms), seed: 1,
      precision: precision, device: device)
    let student = TransformerDecoder(
      configuration: Self.configuration(width: 32, layers: 3, postNorms: postNorms), seed: 2, precision: precision,
      device: device)
    student.recomputesLayers = recomputes
    let alignment = try HiddenStateAlignment(
      Self.terms, teacher: teacher.configuration, student: student.configuration, seed: 5, on: device)
    let objective = LiveTeacherObjective(
      teachers: [(teacher, 1)], ScheduledObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5),
      alignment: alignment)
    var loss = 0.0
    // gradients are added up over two passes, as those of micro-batches
    for _ in 0..<2 {
      loss = objective.accumulateGradients(of: student, on: Self.batch, at: .only, scale: 1e-2).loss
    }
    let stores = [student.parameters, objective.parameters].compactMap(\.self)
    return Found(
      loss: loss.bitPattern,
      gradients: try stores.flatMap { try #require($0.gradients).array().map(\.bitPattern) })
  }

  @Test(arguments: ProductPrecision.allCases, MatrixBackendKind.available)
  func theBitsAreThoseOfKeepingEverything(_ precision: ProductPrecision, backend: MatrixBackendKind) throws {
    let kept = try found(recomputes: false, precision: precision, backend: backend)
    #expect(kept.gradients.contains { $0 != 0 })
    #expect(try found(recomputes: true, precision: precision, backend: backend) == kept)
  }

  @Test(arguments: [false, true]) func soAreThoseOfProjectedStatesAndNormsAfterBranches(_ postNorms: Bool) throws {
    let kept = try found(recomputes: false, teacherWidth: 48, postNorms: postNorms)
    #expect(try found(recomputes: true, teacherWidth: 48, postNorms: postNorms) == kept)
  }
}
