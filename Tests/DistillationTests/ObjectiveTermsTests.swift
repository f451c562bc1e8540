import Distillation
import Foundation
import TensorCore
import TestSupport
import Testing

/// Combined divergences, the squared difference of logits, and tokens that do not all count the same.
@Suite struct ObjectiveTermsTests {
  private func row(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float(2 * generator.nextNormal()) }
  }

  private func kl(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) } }

  /// The objective in Double, from its definition.
  private func total(_ objective: DistillationObjective, _ student: [Double], _ teacher: [Double], label: Int) -> Double
  {
    let tau = Double(objective.temperature)
    let (logQ, logP) = (
      DoubleReference.logSoftmax(student, temperature: tau), DoubleReference.logSoftmax(teacher, temperature: tau)
    )
    let terms = (objective.divergence as? CombinedDivergence)?.terms.map { Double($0.weight) } ?? [1, 0]
    let soft = tau * tau * (terms[0] * kl(logP, logQ) + terms[1] * kl(logQ, logP))
    let mean = zip(student, teacher).reduce(0) { $0 + pow($1.0 - $1.1, 2) } / Double(student.count)
    let weight =
      switch objective.tokenWeighting {
      case .uniform: 1.0
      case .teacherEntropy: -logP.reduce(0) { $0 + exp($1) * $1 } / log(Double(logP.count))
      case .teacherConfidence: exp(logP.max() ?? 0)
      }
    return -Double(objective.hardLabelWeight) * DoubleReference.logSoftmax(student)[label]
      + weight * (Double(objective.softLabelWeight) * soft + Double(objective.logitsMSEWeight) * mean)
  }

  @Test(arguments: TokenWeighting.allCases, [0, 0.3] as [Float])
  func valueAndGradientEqualTheDefinitionInDouble(_ weighting: TokenWeighting, _ logitsWeight: Float) {
    for temperature in [0.5, 1, 2] as [Float] {
      let (student, teacher) = (row(23, seed: 4), row(23, seed: 5))
      for divergence in [ForwardKL(), CombinedDivergence([(0.7, .forwardKL), (1.5, .reverseKL)])] as [any Divergence] {
        let objective = DistillationObjective(
          divergence, temperature: temperature, hardLabelWeight: 2, softLabelWeight: 5, logitsMSEWeight: logitsWeight,
          tokenWeighting: weighting)
        var (logits, target) = (student, teacher)
        let terms = objective.evaluate(label: 11, student: &logits, teacher: &target, scale: 0.25)
        func definition(_ student: [Double]) -> Double {
          total(objective, student, teacher.map(Double.init), label: 11)
        }
        #expect(abs(terms.total / definition(student.map(Double.init)) - 1) < 2e-6)
        let expected = finiteDifferences(student.map(Double.init)) { 0.25 * definition($0) }
        #expect(relativeError(logits, expected) < 1e-5, "τ = \(temperature)")
      }
    }
  }

  /// A constant added to one side's logits changes no distribution, but the mean square by its square.
  @Test func squaredDifferencesSeeWhatDistributionsDoNot() {
    let logits = row(300, seed: 6)
    var (student, teacher) = (logits.map { $0 + 3 }, logits)
    let objective = DistillationObjective(
      .forwardKL, temperature: 2, hardLabelWeight: 0, softLabelWeight: 0, logitsMSEWeight: 0.5)
    let terms = objective.evaluate(label: 0, student: &student, teacher: &teacher, scale: 1)
    #expect(abs(terms.logitsMSE - 9) < 1e-5 && abs(terms.total - 4.5) < 1e-5 && abs(terms.divergence) < 1e-6)
    for found in student { #expect(abs(found - 0.5 * 2 * 3 / 300) < 1e-7) }
  }

  @Test func maskedVocabularyIsNotInTheMeanSquare() {
    var student: [Float] = [1, 2, -.infinity, 5, -.infinity]
    var teacher: [Float] = [0, -.infinity, -.infinity, 2, 4]
    let objective = DistillationObjective(
      .forwardKL, temperature: 1, hardLabelWeight: 0, softLabelWeight: 0, logitsMSEWeight: 1)
    let terms = objective.evaluate(label: 0, student: &student, teacher: &teacher, scale: 1)
    #expect(abs(terms.logitsMSE - (1 + 9) / 2) < 1e-5)
    #expect(terms.total == terms.logitsMSE)
    for (found, expected) in zip(student, [1, 0, 0, 3, 0] as [Float]) { #expect(abs(found - expected) < 1e-5) }
  }

  /// What a combination of one divergence by itself gives is that divergence; what nothing gives is nothing.
  @Test func combinationsOfOneAndOfNone() {
    func evaluate(_ divergence: some Divergence) -> (Double, [Float]) {
      var (student, teacher) = (row(40, seed: 7), row(40, seed: 8))
      let terms = DistillationObjective(divergence, temperature: 2, hardLabelWeight: 0)
        .evaluate(label: 0, student: &student, teacher: &teacher, scale: 1)
      return (terms.divergence, student)
    }
    let (one, same) = (evaluate(.reverseKL), evaluate(CombinedDivergence([(1, .reverseKL), (0, .forwardKL)])))
    #expect(one.0 == same.0 && one.1 == same.1)
    let none = evaluate(CombinedDivergence([]))
    #expect(none.0 == 0 && none.1.allSatisfy { $0 == 0 })
  }

  /// All of the teacher's mass on one token leaves nothing open, and none of it undecided.
  @Test func weightsAtTheExtremes() {
    func weight(_ weighting: TokenWeighting, _ teacher: [Float]) -> Double {
      var (student, teacher) = ([1, 0, 0, 0] as [Float], teacher)
      let objective = DistillationObjective(
        .forwardKL, temperature: 1, hardLabelWeight: 0, softLabelWeight: 1, tokenWeighting: weighting)
      let terms = objective.evaluate(label: 0, student: &student, teacher: &teacher, scale: nil)
      return terms.total / terms.divergence
    }
    let (sure, open): ([Float], [Float]) = ([-.infinity, 0, -.infinity, -.infinity], [2, 2, 2, 2])
    #expect(abs(weight(.teacherEntropy, sure)) < 1e-7 && abs(weight(.teacherEntropy, open) - 1) < 1e-6)
    #expect(abs(weight(.teacherConfidence, sure) - 1) < 1e-6 && abs(weight(.teacherConfidence, open) - 0.25) < 1e-6)
    #expect(weight(.uniform, open) == 1)
  }
}
