import Distillation
import Foundation
import TensorCore
import TestSupport
import Testing

/// The numbers that the field's own functions give for one small case: TRL, DistillKit, ModelOpt, DistilBERT, torchtune
/// and DistiLLM agree on them.
///
/// B = 2, T = 3, V = 8; k = (b·3 + t)·8 + v; student logit 2 sin(0.9 k + 0.3), teacher logit 3 cos(0.7 k + 0.1);
/// labels [[5, −100, 2], [7, 1, −100]] at the same index as the logits; mean over the 4 counted tokens.
@Suite struct GoldenNumberTests {
  private static let labels: [(row: Int, label: Int)] = [(0, 5), (2, 2), (3, 7), (4, 1)]

  private func mean(
    _ objective: DistillationObjective
  ) -> (total: Double, crossEntropy: Double, divergence: Double) {
    let terms = Self.labels.map { evaluate(objective, row: $0.row, label: $0.label, scale: nil).terms }
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / 4 }
    return (mean(terms.map(\.total)), mean(terms.map(\.crossEntropy)), mean(terms.map(\.divergence)))
  }

  private func indices(_ row: Int) -> [Double] { (row * 8..<row * 8 + 8).map { Double($0) } }

  private func teacherLogits(_ row: Int) -> [Double] { indices(row).map { k -> Double in 3 * cos(0.7 * k + 0.1) } }

  private func evaluate(
    _ objective: DistillationObjective, row: Int, label: Int, scale: Float?
  ) -> (terms: DistillationObjective.Terms, gradient: [Float]) {
    var student = indices(row).map { k -> Float in Float(2 * sin(0.9 * k + 0.3)) }
    var teacher = teacherLogits(row).map { Float($0) }
    let terms = objective.evaluate(label: label, student: &student, teacher: &teacher, scale: scale)
    return (terms, student)
  }

  /// The published figures of the last two rows of this list were computed in float32; 2e-7 holds for all of them.
  @Test func values() {
    func divergence(_ divergence: some Divergence, temperature: Float = 1) -> Double {
      mean(DistillationObjective(divergence, temperature: temperature, hardLabelWeight: 0)).divergence
    }
    #expect(abs(divergence(.forwardKL) - 1.529186350) < 2e-7)
    #expect(abs(divergence(.reverseKL) - 1.835384947) < 2e-7)
    #expect(abs(divergence(.jensenShannon(beta: 0.5)) - 0.288884630) < 2e-7)
    #expect(abs(divergence(.forwardKL, temperature: 2) - 0.555097437) < 2e-7)
    #expect(abs(divergence(.totalVariation) - 0.597641885) < 2e-7)
  }

  @Test func theTotalWeighsTheSoftTermBySquaredTemperature() {
    let soft = mean(DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0))
    #expect(abs(soft.total - 2.220389750) < 1e-6)
    let mixed = mean(DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.25))
    #expect(abs(mixed.total - (0.25 * mixed.crossEntropy + 0.75 * 2.220389750)) < 1e-6)
  }

  /// −Σ p log q = forward KL + the teacher's entropy.
  @Test func softCrossEntropyIsForwardKLPlusTheTeachersEntropy() {
    let entropy = Self.labels.reduce(0.0) { sum, item in
      let teacher = DoubleReference.logSoftmax(teacherLogits(item.row))
      return sum - teacher.reduce(0.0) { $0 + exp($1) * $1 } / 4
    }
    let forward = mean(DistillationObjective(.forwardKL, temperature: 1, hardLabelWeight: 0)).divergence
    #expect(abs(forward + entropy - 2.793460369) < 3e-7)
  }

  @Test func gradientOfForwardKL() {
    let golden: [Double] = [
      -0.128988535, 0.027564984, 0.069344067, 0.017302032, 0.003127724, 0.001387207, 0.002327574, 0.007934948,
    ]
    let objective = DistillationObjective(.forwardKL, temperature: 1, hardLabelWeight: 0)
    let gradient = evaluate(objective, row: 0, label: 5, scale: 0.25).gradient
    for (found, expected) in zip(gradient, golden) { #expect(abs(Double(found) - expected) < 2e-8) }
  }

  @Test func theEdgeCaseOfTwoTokens() {
    var teacher: [Float] = [Float(log(0.1)), Float(log(0.9))]
    var student: [Float] = [Float(log(0.9)), Float(log(0.1))]
    let terms = DistillationObjective(.forwardKL, temperature: 1, hardLabelWeight: 0)
      .evaluate(label: 0, student: &student, teacher: &teacher, scale: nil)
    #expect(abs(terms.divergence - 0.8 * log(9)) < 2e-7)
  }
}

extension DistillationObjective {
  /// As the public one, on arrays.
  func evaluate(
    label: Int, student: inout [Float], teacher: inout [Float], scale: Float?
  ) -> Terms {
    var scratch = [Float](repeating: .nan, count: student.count)
    var studentRow = student.mutableSpan
    var teacherRow = teacher.mutableSpan
    var scratchRow = scratch.mutableSpan
    return evaluate(
      label: label, student: &studentRow, teacher: &teacherRow, scratch: &scratchRow, scale: scale)
  }
}
