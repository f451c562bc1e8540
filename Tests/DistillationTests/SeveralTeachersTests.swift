import Distillation
import Foundation
import LanguageModels
import ModelFiles
import ModelTraining
import TensorCore
import TestSupport
import Testing

@Suite struct SeveralTeachersTests {
  private let device = Device(threads: 2)

  private func decoder(width: Int, seed: UInt64) -> TransformerDecoder {
    TransformerDecoder(
      configuration: DecoderConfiguration(
        vocabularySize: 37, hiddenSize: width, feedForwardSize: 2 * width, layerCount: 1, headCount: 2,
        contextLength: 16, tiesEmbeddings: false, initializerRange: 0.5),
      seed: seed, device: device)
  }

  private var batch: TokenBatch {
    TokenBatch(
      ids: [1, 5, 9, 30, 2, 7, 8, 36], targets: [5, 9, -1, 3, 7, 8, 36, -1], batchSize: 2)
  }

  private func loss(
    _ teachers: [(decoder: any DecoderModel, weight: Float)], _ schedule: ScheduledObjective,
    student: TransformerDecoder
  ) -> LossSums {
    student.parameters.zeroGradients()
    return LiveTeacherObjective(teachers: teachers, schedule)
      .accumulateGradients(of: student, on: batch, at: .only, scale: 0.5)
  }

  /// Distributions are mixed, not logits: log Σ w·softmax(z/τ) in Double, down to a temperature of 0.05.
  @Test(arguments: [0.05, 1, 2] as [Float])
  func theTargetIsTheMixtureOfTheDistributions(_ temperature: Float) {
    let teachers: [(decoder: any DecoderModel, weight: Float)] = [
      (decoder(width: 8, seed: 1).frozen(), Float(1)), (decoder(width: 12, seed: 2).frozen(), 3),
    ]
    let student = decoder(width: 8, seed: 3)
    let objective = DistillationObjective(.reverseKL, temperature: temperature, hardLabelWeight: 0)
    let found = loss(teachers, ScheduledObjective(objective), student: student)

    func logits(_ model: any DecoderModel) -> [Double] {
      model.logits(model.hiddenStates(batch.ids, batchSize: 2)).array().map(Double.init)
    }
    let (rows, others) = (logits(student), teachers.map { logits($0.0) })
    var expected = 0.0
    for row in batch.countedRows.map(Int.init) {
      func logSoftmax(_ logits: [Double]) -> [Double] {
        DoubleReference.logSoftmax(Array(logits[row * 37..<(row + 1) * 37]), temperature: Double(temperature))
      }
      let (one, two, q) = (logSoftmax(others[0]), logSoftmax(others[1]), logSoftmax(rows))
      for index in q.indices {
        let (a, b) = (log(0.25) + one[index], log(0.75) + two[index])
        expected += exp(q[index]) * (q[index] - max(a, b) - log1p(exp(-abs(a - b))))
      }
    }
    #expect(abs((found.terms[.divergence] ?? 0) / expected - 1) < 1e-5)
  }

  @Test func twiceTheSameTeacherIsThatTeacher() throws {
    let (teacher, student) = (decoder(width: 8, seed: 1).frozen(), decoder(width: 8, seed: 3))
    let schedule = ScheduledObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5)
    let one = loss([(teacher, 1)], schedule, student: student)
    let gradient = try #require(student.parameters.gradients).array()
    let two = loss([(teacher, 5), (teacher, 2)], schedule, student: student)
    #expect(abs(two.loss / one.loss - 1) < 1e-6)
    #expect(relativeError(try #require(student.parameters.gradients).array(), gradient.map(Double.init)) < 1e-5)
  }

  @Test func onlyTheRatioOfTheWeightsMatters() {
    let teachers = [decoder(width: 8, seed: 1), decoder(width: 8, seed: 2)]
    let student = decoder(width: 8, seed: 3)
    func divergence(_ weights: [Float]) -> Double? {
      loss(
        Array(zip(teachers, weights)), ScheduledObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5),
        student: student
      ).terms[.divergence]
    }
    #expect(divergence([2, 6]) == divergence([0.25, 0.75]))
    #expect(divergence([2, 6]) != divergence([6, 2]))
  }

  /// A schedule follows the steps of the run, whether it is interrupted or not; and the run keeps its length.
  @Test func aScheduledRunContinuesBitForBit() throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: 4)
    let ids = (0..<200).map { _ in Int32.random(in: 0..<37, using: &generator) }
    let text = try PackedSequences(TokenArray(ids), sequenceLength: 8, name: "text")
    var schedule = ScheduledObjective(
      .forwardKL, temperature: .linear(from: 4, to: 1), hardLabelWeight: .cosine(from: 0, to: 1),
      tokenWeighting: .teacherConfidence)
    schedule.divergences.append((.linear(from: 0, to: 1), .totalVariation))
    let teachers = [(decoder: decoder(width: 8, seed: 1), weight: Float(1)), (decoder(width: 12, seed: 2), 1)]
    func run(_ name: String, resuming: Bool = false, steps: Int = 9, stop: Int? = nil) throws -> Data? {
      let url = folder.file(name)
      let manifest = RunManifest(version: "test", inputs: [:], parameters: [:])
      let trainer = try Trainer(
        model: decoder(width: 8, seed: 3), objective: LiveTeacherObjective(teachers: teachers, schedule), data: text,
        recipe: TrainingRecipe(
          steps: steps, batchSize: 4, microBatchSize: 2, sequenceLength: 8, schedule: .constant),
        folder: resuming
          ? RunFolder(resuming: url, inputs: [:]) : RunFolder(creating: url, manifest: manifest, recipe: ""))
      try trainer.run { event in
        if case .step(let step) = event, step.number == stop { return .stop }
        return .continue
      }
      return try? Data(contentsOf: url.appendingPathComponent("model.safetensors"))
    }
    let straight = try run("straight")
    #expect(try run("stopped", stop: 4) == nil)
    #expect(
      throws: TrainingError.cannotResume(folder: folder.file("stopped").path, key: "steps", begun: "9", now: "12")
    ) { try run("stopped", resuming: true, steps: 12) }
    #expect(try run("stopped", resuming: true) == straight && straight != nil)
  }
}
