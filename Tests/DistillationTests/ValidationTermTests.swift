import Distillation
import Foundation
import LanguageModels
import ModelTraining
import TensorCore
import TestSupport
import Testing

/// What validation reports beside what is minimised: entropies and KL divergence at temperature 1.
@Suite struct ValidationTermTests {
  private let device = Device(threads: 2)

  private func decoder(width: Int, seed: UInt64) -> TransformerDecoder {
    TransformerDecoder(
      configuration: DecoderConfiguration(
        vocabularySize: 37, hiddenSize: width, feedForwardSize: 2 * width, layerCount: 1, headCount: 2,
        contextLength: 16, tiesEmbeddings: false, initializerRange: 0.5),
      seed: seed, device: device)
  }

  private let batch = TokenBatch(
    ids: [1, 5, 9, 30, 2, 7, 8, 36], targets: [5, 9, -1, 3, 7, 8, 36, -1], batchSize: 2)

  /// Σ over counted tokens, in Double: teacher's entropy, student's, KL.
  private func reference(
    _ teachers: [(decoder: any DecoderModel, weight: Float)], _ student: any DecoderModel
  ) -> (teacher: Double, student: Double, divergence: Double) {
    func rows(_ model: any DecoderModel) -> [[Double]] {
      let logits = model.logits(model.hiddenStates(batch.ids, batchSize: 2)).array().map(Double.init)
      return batch.countedRows.map { row in
        DoubleReference.logSoftmax(Array(logits[Int(row) * 37..<(Int(row) + 1) * 37]), temperature: 1)
      }
    }
    let total = teachers.reduce(0) { $0 + Double($1.weight) }
    let (q, others) = (rows(student), teachers.map { rows($0.decoder) })
    var found = (teacher: 0.0, student: 0.0, divergence: 0.0)
    for token in q.indices {
      for id in 0..<37 {
        let p = zip(teachers, others).reduce(0.0) { $0 + Double($1.0.weight) / total * exp($1.1[token][id]) }
        found.teacher -= p * log(p)
        found.student -= exp(q[token][id]) * q[token][id]
        found.divergence += p * (log(p) - q[token][id])
      }
    }
    return found
  }

  private func expect(
    _ sums: LossSums, equals expected: (teacher: Double, student: Double, divergence: Double)
  ) {
    let found = [sums.terms[.teacherEntropy], sums.terms[.entropy], sums.terms[.klDivergence]]
    for (found, expected) in zip(found, [expected.teacher, expected.student, expected.divergence]) {
      #expect(abs((found ?? .nan) / expected - 1) < 1e-5, "\(String(describing: found)) is not \(expected)")
    }
  }

  /// Whatever divergence and temperature train, with one teacher or a mixture, also where the teacher is not asked.
  @Test(arguments: [1, 3] as [Float], [1, 2])
  func termsAreThoseAtTemperatureOne(_ temperature: Float, teacherCount: Int) {
    let teachers = [
      (decoder: decoder(width: 8, seed: 1) as any DecoderModel, weight: Float(1)), (decoder(width: 12, seed: 2), 3),
    ].prefix(teacherCount)
    let student = decoder(width: 8, seed: 3)
    for hard in [0.25, 1] as [Schedule] {
      let schedule = ScheduledObjective(
        .reverseKL, temperature: .constant(temperature), hardLabelWeight: hard, logitsMSEWeight: hard == 1 ? 0 : 0.1)
      let objective = LiveTeacherObjective(teachers: Array(teachers), schedule)
      let sums = objective.measure(student, on: batch, at: .only)
      expect(sums, equals: reference(Array(teachers), student))
      // what is minimised is as in a step
      student.parameters.zeroGradients()
      let step = objective.accumulateGradients(of: student, on: batch, at: .only, scale: 1)
      #expect(abs(sums.loss / step.loss - 1) < 1e-6 && step.terms[.klDivergence] == nil)
    }
  }

  @Test func theTextAloneHasTheStudentsEntropy() {
    let student = decoder(width: 8, seed: 3)
    let sums = CrossEntropyObjective().measure(student, on: batch, at: .only)
    let expected = reference([(student, 1)], student)
    #expect(abs((sums.terms[.entropy] ?? .nan) / expected.student - 1) < 1e-5)
    #expect(sums.terms[.klDivergence] == nil && sums.loss == sums.crossEntropy)
  }

  /// KL = cross-entropy with the teacher's distribution − its entropy: of a student that is its teacher, 0.
  @Test func aStudentThatIsItsTeacherHasNoDivergence() {
    let model = decoder(width: 8, seed: 1)
    let sums = LiveTeacherObjective(teachers: [(model, 1)], ScheduledObjective(.totalVariation, temperature: 2))
      .measure(model, on: batch, at: .only)
    #expect(abs(sums.terms[.klDivergence] ?? .nan) < 1e-5)
    #expect(sums.terms[.entropy] == sums.terms[.teacherEntropy])
  }
}
