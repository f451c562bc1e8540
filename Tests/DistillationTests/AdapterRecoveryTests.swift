import Distillation
import LanguageModels
import ModelFiles
import ModelTraining
import TensorCore
import TestSupport
import Testing

/// What adapters can learn: a teacher that differs from the student's frozen weights in all matrices of its layers.
@Suite struct AdapterRecoveryTests {
  private static let configuration = DecoderConfiguration(
    vocabularySize: 31, hiddenSize: 16, feedForwardSize: 24, layerCount: 1, headCount: 2, keyValueHeadCount: 1,
    contextLength: 16, tiesEmbeddings: true, initializerRange: 0.3)

  /// The divergence before and after training adapters of a rank.
  private func divergences(rank: Int) throws -> (first: Double, last: Double) {
    let folder = try TemporaryFolder()
    let base = TransformerDecoder(configuration: Self.configuration, seed: 1)
    try base.write(to: folder.file("base"))
    let teacher = try TransformerDecoder(contentsOf: folder.file("base"))
    var generator = SeededGenerator(seed: 2)
    for weight in teacher.weights {
      guard case .layer(_, .matrix) = weight.role else { continue }
      weight.parameter.value.withMutableSpan { values in
        for index in values.indices { values[index] += 0.2 * Float(generator.nextNormal()) }
      }
    }
    let ids = (0..<1_200).map { _ in Int32.random(in: 0..<31, using: &generator) }
    let text = try PackedSequences(TokenArray(ids), sequenceLength: 12, name: "text")
    let student = try TransformerDecoder(adapting: openModel(at: folder.file("base")), rank: rank, seed: 3)
    var losses: [Double] = []
    let recipe = TrainingRecipe(
      steps: 400, batchSize: 8, sequenceLength: 12, learningRate: 0.02, minimumLearningRateRatio: 0.02, weightDecay: 0)
    try Trainer(
      model: student,
      objective: LiveTeacherObjective(teacher: teacher.frozen(), objective: DistillationObjective(.forwardKL)),
      data: text, recipe: recipe
    ).run { event in
      if case .step(let step) = event { losses.append(step.loss) }
      return .continue
    }
    return (losses[0], losses.suffix(10).reduce(0, +) / 10)
  }

  @Test func aStudentIsCutOutOfTheAdaptedTeacher() throws {
    let folder = try TemporaryFolder()
    try TransformerDecoder(configuration: Self.configuration, seed: 1).write(to: folder.file("base"))
    let teacher = try TransformerDecoder(adapting: openModel(at: folder.file("base")), rank: 2, seed: 3)
    for parameter in teacher.trained.parameters {
      parameter.value.withMutableSpan { values in for index in values.indices { values[index] = 0.1 } }
    }
    let student = TransformerDecoder(studentOf: teacher, try StudentPlan(of: teacher.configuration, layers: .all))
    #expect(student.adapters == nil && student.trained === student.parameters)
    let ids: [Int32] = [1, 5, 9, 2]
    let (own, theirs) = (
      student.hiddenStates(ids, batchSize: 1).array(), teacher.hiddenStates(ids, batchSize: 1).array()
    )
    #expect(relativeError(own, theirs.map(Double.init)) < 1e-5)
    let base = try FrozenDecoder(contentsOf: folder.file("base")).hiddenStates(ids, batchSize: 1).array()
    #expect(relativeError(own, base.map(Double.init)) > 1e-2)
  }

  @Test func fullRankRecoversWhatRankOneCannot() throws {
    let (full, low) = (try divergences(rank: 16), try divergences(rank: 1))
    #expect(full.first == low.first && full.first > 0.05)
    #expect(full.last < 0.05 * full.first, "\(full)")
    #expect(low.last < 0.9 * low.first && low.last > 3 * full.last, "\(low)")
  }
}
