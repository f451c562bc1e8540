import Distillation
import Foundation
import ModelFiles
import TensorCore
import TestSupport
import Testing

/// A divergence under the name it has in Tests/Fixtures/distillation.
struct NamedDivergence: Sendable, CustomStringConvertible {
  let description: String
  let divergence: any Divergence

  static let all = [
    NamedDivergence(description: "forward_kl", divergence: .forwardKL),
    NamedDivergence(description: "reverse_kl", divergence: .reverseKL),
    NamedDivergence(description: "symmetric_kl", divergence: .symmetricKL(forwardWeight: 0.3)),
    NamedDivergence(description: "jensen_shannon", divergence: .jensenShannon(beta: 0.3)),
    NamedDivergence(description: "skew_forward_kl", divergence: .skewForwardKL(alpha: 0.1)),
    NamedDivergence(description: "skew_reverse_kl", divergence: .skewReverseKL(alpha: 0.1)),
    NamedDivergence(description: "total_variation", divergence: .totalVariation),
  ]

  func objective(temperature: Float, hardLabelWeight: Float = 0) -> DistillationObjective {
    DistillationObjective(divergence, temperature: temperature, hardLabelWeight: hardLabelWeight)
  }
}

@Suite struct DivergenceTests {
  private func row(_ count: Int, seed: UInt64, scale: Double = 2) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float(scale * generator.nextNormal()) }
  }

  private func evaluate(
    _ objective: DistillationObjective, student: [Float], teacher: [Float], label: Int = 0
  ) -> (terms: DistillationObjective.Terms, gradient: [Float]) {
    var (student, teacher) = (student, teacher)
    let terms = objective.evaluate(label: label, student: &student, teacher: &teacher, scale: 1)
    return (terms, student)
  }

  /// Forward KL, not recognised as such: the way by log-probabilities.
  private struct PlainForwardKL: Divergence {
    func value(teacher logP: Span<Float>, student logQ: Span<Float>, gradient: inout MutableSpan<Float>) -> Double {
      ForwardKL().value(teacher: logP, student: logQ, gradient: &gradient)
    }
  }

  @Test(arguments: [0.3, 1, 2, 5] as [Float], [0, 0.4, 1] as [Float])
  func forwardKLFromLogitsIsThatOfLogProbabilities(_ temperature: Float, _ weight: Float) {
    var (student, teacher) = (row(2_500, seed: 8, scale: 3), row(2_500, seed: 9, scale: 3))
    teacher[7] = -.infinity
    (student[9], teacher[9]) = (-.infinity, -.infinity)
    student[11] = -60
    let fast = evaluate(
      DistillationObjective(.forwardKL, temperature: temperature, hardLabelWeight: weight), student: student,
      teacher: teacher, label: 3)
    let plain = evaluate(
      DistillationObjective(PlainForwardKL(), temperature: temperature, hardLabelWeight: weight), student: student,
      teacher: teacher, label: 3)
    #expect(abs(fast.terms.divergence - plain.terms.divergence) < 2e-6 * plain.terms.divergence)
    #expect(abs(fast.terms.crossEntropy - plain.terms.crossEntropy) < 2e-6 * plain.terms.crossEntropy)
    #expect(abs(fast.terms.total - plain.terms.total) < 2e-6 * plain.terms.total)
    #expect(relativeError(fast.gradient, plain.gradient.map(Double.init)) < 3e-6)
  }

  /// Rows with masked vocabulary, extreme logits and equal distributions, at τ = 2 and at τ = 0.05, in float64.
  @Test(arguments: NamedDivergence.all, ["rows", "rows_cold"])
  func rowsOfTheFixture(_ named: NamedDivergence, _ file: String) throws {
    let folder = ModelFixture.root.appendingPathComponent("distillation")
    let tensors = try SafetensorsFile(contentsOf: folder.appendingPathComponent(file + ".safetensors"))
    let (student, teacher) = (try tensors.floats("student"), try tensors.floats("teacher"))
    let values = try tensors.floats("\(named).value")
    let gradients = try tensors.floats("\(named).gradient")
    let vocabulary = student.count / values.count
    let objective = named.objective(temperature: file == "rows" ? 2 : 0.05)
    for (index, value) in values.enumerated() {
      let range = index * vocabulary..<(index + 1) * vocabulary
      let label = try #require(range.first { student[$0].isFinite }) - range.lowerBound
      let (terms, gradient) = evaluate(
        objective, student: Array(student[range]), teacher: Array(teacher[range]), label: label)
      if value.isFinite {
        let error = abs(terms.divergence - Double(value))
        #expect(error < 2e-6 + 2e-6 * abs(Double(value)), "row \(index): \(terms.divergence) is not \(value)")
        let expected = gradients[range].map(Double.init)
        let scale = expected.reduce(1e-2) { max($0, abs($1)) }
        // a log-ratio of the divergence's size is held to half a unit in the last place, before it cancels
        let rounding = 0x1p-24 * abs(Double(value)) * Double(objective.temperature)
        for (found, exact) in zip(gradient, expected) {
          #expect(abs(Double(found) - exact) < 1e-5 * scale + rounding, "row \(index): \(found) is not \(exact)")
        }
      } else {
        #expect(terms.divergence == Double(value), "row \(index)")
      }
    }
  }

  @Test(arguments: NamedDivergence.all, [1, 2, 7, 64, 1_000, 5_003])
  func equalDistributionsHaveNoDivergence(_ named: NamedDivergence, _ vocabulary: Int) {
    let logits = row(vocabulary, seed: 1)
    let (terms, gradient) = evaluate(named.objective(temperature: 2), student: logits, teacher: logits)
    #expect(abs(terms.divergence) < 1e-6)
    #expect(gradient.allSatisfy { abs($0) < 1e-6 })
  }

  @Test(arguments: NamedDivergence.all, [2, 7, 64, 1_000, 5_003])
  func isPositiveAndItsGradientSumsToZero(_ named: NamedDivergence, _ vocabulary: Int) {
    let (student, teacher) = (row(vocabulary, seed: 2), row(vocabulary, seed: 3))
    let (terms, gradient) = evaluate(named.objective(temperature: 2), student: student, teacher: teacher)
    #expect(terms.divergence > 0)
    #expect(abs(RowKernels.sum(gradient.span)) < 2e-6)
  }

  @Test(arguments: NamedDivergence.all, [Float(0.5), 1, 2])
  func gradientEqualsFiniteDifferencesInDouble(_ named: NamedDivergence, _ temperature: Float) {
    let (student, teacher) = (row(23, seed: 4), row(23, seed: 5))
    let objective = named.objective(temperature: temperature, hardLabelWeight: 0.3)
    let (_, gradient) = evaluate(objective, student: student, teacher: teacher, label: 11)
    let expected = finiteDifferences(student.map(Double.init)) { student in
      let tau = Double(temperature)
      let logQ = DoubleReference.logSoftmax(student, temperature: tau)
      let logP = DoubleReference.logSoftmax(teacher.map(Double.init), temperature: tau)
      return -0.3 * DoubleReference.logSoftmax(student)[11]
        + Double(1 - Float(0.3)) * tau * tau * value(of: named.description, logP, logQ)
    }
    #expect(relativeError(gradient, expected) < 1e-5)
  }

  /// Each definition as in the papers, in Double.
  private func value(of name: String, _ logP: [Double], _ logQ: [Double]) -> Double {
    func kl(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) } }
    func mixture(_ share: Double) -> [Double] {
      zip(logP, logQ).map { log(share * exp($0) + (1 - share) * exp($1)) }
    }
    switch name {
    case "forward_kl": return kl(logP, logQ)
    case "reverse_kl": return kl(logQ, logP)
    case "symmetric_kl": return 0.3 * kl(logP, logQ) + 0.7 * kl(logQ, logP)
    case "jensen_shannon": return 0.3 * kl(logP, mixture(0.3)) + 0.7 * kl(logQ, mixture(0.3))
    case "skew_forward_kl": return kl(logP, mixture(0.1))
    case "skew_reverse_kl": return kl(logQ, mixture(0.9))
    default: return zip(logP, logQ).reduce(0) { $0 + abs(exp($1.0) - exp($1.1)) } / 2
    }
  }

  @Test(arguments: NamedDivergence.all) func aConstantAddedToTheLogitsChangesNothing(_ named: NamedDivergence) {
    let (student, teacher) = (row(100, seed: 6), row(100, seed: 7))
    let objective = named.objective(temperature: 1)
    let plain = evaluate(objective, student: student, teacher: teacher)
    let moved = evaluate(objective, student: student.map { $0 + 8 }, teacher: teacher.map { $0 - 16 })
    #expect(abs(plain.terms.divergence - moved.terms.divergence) < 3e-6)
    #expect(zip(plain.gradient, moved.gradient).allSatisfy { abs($0 - $1) < 3e-6 })
  }

  /// τ → ∞: the gradient of τ² · KL tends to (student − teacher, both centred) / V.
  @Test func theHotLimitIsTheDifferenceOfCentredLogits() {
    let (student, teacher) = (row(50, seed: 8), row(50, seed: 9))
    func centred(_ x: [Float]) -> [Double] {
      let mean = x.reduce(0) { $0 + Double($1) } / 50
      return x.map { Double($0) - mean }
    }
    let objective = NamedDivergence.all[0].objective(temperature: 1_000)
    let (_, gradient) = evaluate(objective, student: student, teacher: teacher)
    let expected = zip(centred(student), centred(teacher)).map { ($0 - $1) / 50 }
    #expect(relativeError(gradient, expected) < 5e-3)
  }

  @Test func jensenShannonAtItsEndsIsForwardAndReverseKL() {
    let (student, teacher) = (row(30, seed: 10), row(30, seed: 11))
    func value(_ divergence: some Divergence) -> Double {
      evaluate(
        DistillationObjective(divergence, temperature: 1, hardLabelWeight: 0), student: student, teacher: teacher
      ).terms.divergence
    }
    #expect(value(.jensenShannon(beta: 0)) == value(.forwardKL))
    #expect(value(.jensenShannon(beta: 1)) == value(.reverseKL))
  }

  /// The example in the documentation of `Divergence`: one's own, in one type.
  private struct SquaredHellinger: Divergence {
    func value(
      teacher logP: Span<Float>, student logQ: Span<Float>, gradient: inout MutableSpan<Float>
    ) -> Double {
      var overlap = 0.0
      for i in logP.indices {
        let root = exp((logP[i] + logQ[i]) / 2)
        overlap += Double(root)
        gradient[i] = -root / 2
      }
      return 1 - overlap
    }
  }

  @Test func aDivergenceOfOnesOwn() {
    let (student, teacher) = (row(40, seed: 12), row(40, seed: 13))
    let objective = DistillationObjective(SquaredHellinger(), temperature: 2, hardLabelWeight: 0)
    let (terms, gradient) = evaluate(objective, student: student, teacher: teacher)
    let logP = DoubleReference.logSoftmax(teacher.map(Double.init), temperature: 2)
    func hellinger(_ student: [Double]) -> Double {
      let logQ = DoubleReference.logSoftmax(student, temperature: 2)
      return zip(logP, logQ).reduce(0) { $0 + pow(exp($1.0 / 2) - exp($1.1 / 2), 2) } / 2
    }
    #expect(abs(terms.divergence - hellinger(student.map(Double.init))) < 1e-6)
    let expected = finiteDifferences(student.map(Double.init)) { 4 * hellinger($0) }
    #expect(relativeError(gradient, expected) < 1e-5)
  }
}
