import Foundation
import TensorCore
import TestSupport
import Testing

@testable import Distillation

/// Losses and gradients from cached rows against the same in Double, and against the whole distribution.
@Suite struct SparseTargetTests {
  private static let vocabularySize = 50
  private static let settings: [(temperature: Float, hardLabelWeight: Float)] = [(1, 0), (2, 0.5), (0.7, 0.3), (2, 1)]

  private func logits(_ count: Int, spread: Double, seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float(spread * generator.nextNormal()) }
  }

  private func row(
    _ method: TeacherCacheMethod, _ logits: [Float], temperature: Float, seed: UInt64 = 1
  ) throws -> TeacherCacheRow {
    var copy = logits
    var span = copy.mutableSpan
    return try #require(
      TeacherCacheRow(method, logits: &span, temperature: temperature, generator: SeededGenerator(seed: seed)))
  }

  private func evaluate(
    _ objective: DistillationObjective, label: Int, _ student: [Float], _ row: TeacherCacheRow, scale: Float
  ) -> (terms: DistillationObjective.Terms, gradient: [Float]) {
    var student = student
    var scratch = [Float](repeating: .nan, count: student.count)
    var studentRow = student.mutableSpan
    var scratchRow = scratch.mutableSpan
    let terms = objective.evaluate(
      label: label, student: &studentRow, teacher: SparseDistribution(row), scratch: &scratchRow, scale: scale)
    return (terms, student)
  }

  /// The divergence of a student's logits from a target by its definition, in Double. `rest` is the mass of the tokens
  /// that are not in the target.
  private func divergence(
    _ student: [Double], _ target: [Int: Double], rest: Double, negativeEntropy: Double, temperature: Double
  ) -> Double {
    let logQ = DoubleReference.logSoftmax(student, temperature: temperature)
    let others = logQ.indices.filter { target[$0] == nil }.reduce(0) { $0 + exp(logQ[$1]) }
    return negativeEntropy - target.reduce(0) { $0 + $1.value * logQ[$1.key] } - (rest > 0 ? rest * log(others) : 0)
  }

  @Test(arguments: [TeacherCacheMethod.topK(6), .topKTail(6), .sampled(draws: 40), .topK(50), .topKTail(50)])
  func valueAndGradientAreThoseOfTheDefinition(_ method: TeacherCacheMethod) throws {
    let teacher = logits(Self.vocabularySize, spread: 2, seed: 1)
    let student = logits(Self.vocabularySize, spread: 1.5, seed: 2)
    for (temperature, weight) in Self.settings {
      let row = try row(method, teacher, temperature: temperature)
      let sparse = SparseDistribution(row)
      #expect(abs(sparse.probabilities.reduce(sparse.rest, +) - 1) < 1e-12)
      let target = Dictionary(uniqueKeysWithValues: zip(sparse.ids.map(Int.init), sparse.probabilities))
      let objective = DistillationObjective(.forwardKL, temperature: temperature, hardLabelWeight: weight)
      for label in [3, Int(sparse.ids[0])] {
        func total(_ student: [Double]) -> Double {
          let soft = divergence(
            student, target, rest: sparse.rest, negativeEntropy: sparse.negativeEntropy,
            temperature: Double(temperature))
          let hard = -DoubleReference.logSoftmax(student)[label]
          let squared = Double(temperature) * Double(temperature)
          return Double(weight) * hard + (1 - Double(weight)) * squared * soft
        }
        let exact = student.map(Double.init)
        let (terms, gradient) = evaluate(objective, label: label, student, row, scale: 0.5)
        #expect(abs(terms.total - total(exact)) < 2e-6 * (1 + abs(terms.total)))
        let slopes = finiteDifferences(exact) { total($0) }.map { 0.5 * $0 }
        #expect(relativeError(gradient, slopes) < 2e-5, "\(method) at \(temperature)")
      }
    }
  }

  /// The probabilities that a row holds are the teacher's own.
  @Test func rowsHoldTheTeachersProbabilities() throws {
    let teacher = logits(Self.vocabularySize, spread: 2, seed: 3)
    for temperature: Float in [0.05, 1, 2] {
      let exact = DoubleReference.logSoftmax(teacher.map(Double.init), temperature: Double(temperature)).map { exp($0) }
      let largest = exact.indices.sorted { exact[$0] > exact[$1] }[..<8]
      let kept = largest.reduce(0) { $0 + exact[$1] }
      let top = SparseDistribution(try row(.topK(8), teacher, temperature: temperature))
      let tail = SparseDistribution(try row(.topKTail(8), teacher, temperature: temperature))
      #expect(top.ids == largest.sorted().map(Int32.init) && tail.ids == top.ids)
      for (place, id) in top.ids.enumerated() {
        #expect(abs(top.probabilities[place] - exact[Int(id)] / kept) < 3e-4)
        #expect(abs(tail.probabilities[place] - exact[Int(id)]) < 3e-4)
      }
      #expect(top.rest == 0 && abs(tail.rest - (1 - kept)) < 3e-4)
      let drawn = SparseDistribution(try row(.sampled(draws: 50), teacher, temperature: temperature))
      let negativeEntropy = exact.reduce(0) { $1 > 0 ? $0 + $1 * log($1) : $0 }
      #expect(abs(drawn.negativeEntropy - negativeEntropy) < 3e-4)
    }
  }

  /// With all tokens kept, nothing but the 16 bits is lost.
  @Test func allTokensAreTheWholeDistribution() throws {
    let teacher = logits(Self.vocabularySize, spread: 2, seed: 4)
    let student = logits(Self.vocabularySize, spread: 1, seed: 5)
    let objective = DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5)
    var (dense, whole) = (student, teacher)
    let exact = objective.evaluate(label: 7, student: &dense, teacher: &whole, scale: 1)
    for method in [TeacherCacheMethod.topK(Self.vocabularySize), .topKTail(Self.vocabularySize)] {
      let (terms, gradient) = evaluate(
        objective, label: 7, student, try row(method, teacher, temperature: 2), scale: 1)
      #expect(abs(terms.divergence - exact.divergence) < 2e-4)
      #expect(relativeError(gradient, dense.map(Double.init)) < 1e-3)
    }
  }

  @Test func aTokenWithoutProbabilityAndATokenWithAll() throws {
    var teacher = [Float](repeating: -.infinity, count: 20)
    (teacher[4], teacher[5]) = (0, -.infinity)
    let student = logits(20, spread: 1, seed: 6)
    let exact = -DoubleReference.logSoftmax(student.map(Double.init))[4]
    for method in [TeacherCacheMethod.topK(2), .topKTail(2), .sampled(draws: 10)] {
      let (terms, gradient) = evaluate(
        DistillationObjective(.forwardKL, temperature: 1, hardLabelWeight: 0), label: 4, student,
        try row(method, teacher, temperature: 1), scale: 1)
      #expect(abs(terms.divergence - exact) < 1e-5)
      #expect(gradient.allSatisfy(\.isFinite) && abs(gradient.reduce(0, +)) < 1e-5)
    }
  }

  @Test func logitsThatAreNotFiniteHaveNoRow() {
    for damaged: Float in [.nan, .infinity] {
      var logits: [Float] = [0, damaged, 1]
      var span = logits.mutableSpan
      #expect(
        TeacherCacheRow(.topK(1), logits: &span, temperature: 1, generator: SeededGenerator(seed: 1)) == nil)
    }
  }
}

/// E[target] = p, E[loss] and E[gradient] those of the whole distribution, by 20,000 rows of 10 draws.
@Suite struct SampledTargetTests {
  private let teacher: [Float]
  private let student: [Float]
  private let temperature: Float = 1.5
  private let draws = 10
  private let repetitions = 20_000

  init() {
    var generator = SeededGenerator(seed: 7)
    teacher = (0..<40).map { _ in Float(1.5 * generator.nextNormal()) }
    student = (0..<40).map { _ in Float(generator.nextNormal()) }
  }

  private var probabilities: [Double] {
    DoubleReference.logSoftmax(teacher.map(Double.init), temperature: Double(temperature)).map { exp($0) }
  }

  private func row(_ method: TeacherCacheMethod, _ generator: SeededGenerator) throws -> TeacherCacheRow {
    var copy = teacher
    var span = copy.mutableSpan
    return try #require(TeacherCacheRow(method, logits: &span, temperature: temperature, generator: generator))
  }

  /// χ² of mean targets, with 39 degrees of freedom: below 80 but for one case in 10,000 where the mean is p.
  private func chiSquare(_ means: [Double]) -> Double {
    let count = Double(draws * repetitions)
    return zip(means, probabilities).reduce(0) { $0 + count * ($1.0 - $1.1) * ($1.0 - $1.1) / $1.1 }
  }

  @Test func meanTargetIsTheTeachersDistribution() throws {
    var seeds = SeededGenerator(seed: 8)
    var means = [Double](repeating: 0, count: teacher.count)
    for _ in 0..<repetitions {
      let target = SparseDistribution(try row(.sampled(draws: draws), SeededGenerator(seed: seeds.next())))
      for (id, probability) in zip(target.ids, target.probabilities) {
        means[Int(id)] += probability / Double(repetitions)
      }
    }
    #expect(chiSquare(means) < 80)
    // the same bound finds a target that leaves out what is rare, and one at another temperature
    let top = SparseDistribution(try row(.topK(36), SeededGenerator(seed: 1)))
    var biased = [Double](repeating: 0, count: teacher.count)
    for (id, probability) in zip(top.ids, top.probabilities) { biased[Int(id)] = probability }
    #expect(chiSquare(biased) > 800)
    let warm = DoubleReference.logSoftmax(teacher.map(Double.init), temperature: 1.6).map { exp($0) }
    #expect(chiSquare(warm) > 80)
  }

  @Test func meanLossAndGradientAreThoseOfTheWholeDistribution() throws {
    let objective = DistillationObjective(.forwardKL, temperature: temperature, hardLabelWeight: 0.2)
    var (dense, whole) = (student, teacher)
    let exact = objective.evaluate(label: 3, student: &dense, teacher: &whole, scale: 1)
    var seeds = SeededGenerator(seed: 9)
    var (losses, squares) = (0.0, 0.0)
    var gradient = [Double](repeating: 0, count: teacher.count)
    var variance = gradient
    let count = Double(repetitions)
    for _ in 0..<repetitions {
      var row = student
      var scratch = [Float](repeating: .nan, count: student.count)
      var studentRow = row.mutableSpan
      var scratchRow = scratch.mutableSpan
      let target = SparseDistribution(try self.row(.sampled(draws: draws), SeededGenerator(seed: seeds.next())))
      let loss = objective.evaluate(
        label: 3, student: &studentRow, teacher: target, scratch: &scratchRow, scale: 1
      ).total
      losses += loss / count
      squares += (loss - exact.total) * (loss - exact.total) / count
      for id in row.indices {
        let difference = Double(row[id]) - Double(dense[id])
        gradient[id] += difference / count
        variance[id] += difference * difference / count
      }
    }
    #expect(abs(losses - exact.total) < 4 * (squares / count).squareRoot())
    // 40 differences, each at most 4.5 standard errors
    for id in gradient.indices {
      #expect(abs(gradient[id]) < 4.5 * (variance[id] / count).squareRoot() + 1e-7, "token \(id)")
    }
    // a target that leaves out what is rare fails by far
    var row = student
    var scratch = row
    var studentRow = row.mutableSpan
    var scratchRow = scratch.mutableSpan
    let top = SparseDistribution(try self.row(.topK(20), SeededGenerator(seed: 1)))
    _ = objective.evaluate(label: 3, student: &studentRow, teacher: top, scratch: &scratchRow, scale: 1)
    let worst = row.indices.map { id in
      abs(Double(row[id]) - Double(dense[id])) / (variance[id] / count).squareRoot()
    }.max()
    #expect(try #require(worst) > 20)
  }
}
