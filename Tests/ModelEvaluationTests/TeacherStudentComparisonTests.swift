import Foundation
import LanguageModels
import TensorCore
import TestSupport
import Testing

@testable import ModelEvaluation

@Suite("Teacher and student compared")
struct TeacherStudentComparisonTests {
  private static let documents = [randomIDs(150, seed: 1), randomIDs(37, seed: 2)]
  private static let ids = documents.flatMap { $0 }
  private static var text: EvaluationText { EvaluationText(documents: documents, byteCount: 500, wordCount: 100) }

  /// √((E[x²] − E[x]²)/(n − 1))
  private static func standardError(_ x: [Double]) -> Double {
    let n = Double(x.count)
    let mean = x.reduce(0, +) / n
    return ((x.reduce(0) { $0 + $1 * $1 } / n - mean * mean) / (n - 1)).squareRoot()
  }

  private static func mean(_ x: [Double]) -> Double { x.reduce(0, +) / Double(x.count) }

  private static func percentile(_ x: [Double], _ fraction: Double) -> Double {
    let sorted = x.sorted()
    let place = fraction * Double(sorted.count - 1)
    let (low, high) = (sorted[Int(place.rounded(.down))], sorted[Int(place.rounded(.up))])
    return low + (high - low) * (place - place.rounded(.down))
  }

  @Test("All statistics are those of the plain definitions", arguments: [nil, 5] as [Int?])
  func reference(stride: Int?) throws {
    let teacher = smallDecoder(seed: 1)
    let students = [neighbour(of: teacher, by: 0.05, seed: 2), smallDecoder(contextLength: 20, seed: 3)]
    let comparison = try TeacherStudentComparison(
      teacher: teacher, students: students, on: Self.text, window: 16, stride: stride)
    func logProbabilities(_ decoder: any DecoderModel) -> [[Double]] {
      referenceLogProbabilities(decoder, Self.documents, bos: 1, window: 16, stride: stride ?? 16)
    }
    let p = logProbabilities(teacher)
    let teacherNats = zip(p, Self.ids).map { -$0[Int($1)] }
    #expect(abs(comparison.teacher.natsPerToken - Self.mean(teacherNats)) < 1e-5)
    #expect(comparison.students.count == 2)

    for (student, found) in zip(students, comparison.students) {
      let q = logProbabilities(student)
      let nats = zip(q, Self.ids).map { -$0[Int($1)] }
      #expect(abs(found.perplexity.natsPerToken - Self.mean(nats)) < 1e-5)
      #expect(found.perplexity.tokens == 187)

      let n = Double(nats.count)
      let covariance =
        (Self.mean(zip(nats, teacherNats).map { $0 * $1 }) - Self.mean(nats) * Self.mean(teacherNats)) / (n - 1)
      let (a, b) = (Self.standardError(nats), Self.standardError(teacherNats))
      let paired = (a * a + b * b - 2 * covariance).squareRoot()
      let ratio = Self.mean(nats) - Self.mean(teacherNats)
      #expect(abs(found.logPerplexityRatio.mean - ratio) < 1e-5)
      #expect(abs(found.logPerplexityRatio.standardError - paired) < 1e-5)
      #expect(abs(found.perplexityRatio.mean - exp(ratio)) < 1e-4)
      #expect(abs(found.perplexityRatio.standardError - exp(ratio) * paired) < 1e-4)

      let divergences = zip(p, q).map { p, q in zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) } }
      check(found.klDivergence, divergences)
      check(found.klDivergencePercentiles, divergences)

      let differences = zip(nats, teacherNats).map { exp(-$0) - exp(-$1) }
      check(found.probabilityDifference, differences)
      check(found.probabilityDifferencePercentiles, differences)
      let squares = differences.map { $0 * $0 }
      let rms = Self.mean(squares).squareRoot()
      #expect(abs(found.probabilityDifferenceRMS.mean - rms) < 1e-5)
      #expect(abs(found.probabilityDifferenceRMS.standardError - 0.5 / rms * Self.standardError(squares)) < 1e-5)

      let same = zip(p, q).map { p, q in p.firstIndex(of: p.max() ?? 0) == q.firstIndex(of: q.max() ?? 0) ? 1.0 : 0 }
      let share = Self.mean(same)
      #expect(abs(found.sameTopToken.mean - share) < 1e-12)
      #expect(abs(found.sameTopToken.standardError - (share * (1 - share) / (n - 1)).squareRoot()) < 1e-12)
      #expect(share > 0 && share < 1)

      check(found.speculativeAcceptance, zip(p, q).map { p, q in zip(p, q).reduce(0) { $0 + exp(min($1.0, $1.1)) } })
    }
  }

  private func check(_ found: Estimate, _ values: [Double]) {
    #expect(abs(found.mean - Self.mean(values)) < 1e-5)
    #expect(abs(found.standardError - Self.standardError(values)) < 1e-5)
  }

  private func check(_ found: Percentiles, _ values: [Double]) {
    let pairs = [
      (found.maximum, 1), (found.p999, 0.999), (found.p99, 0.99), (found.p95, 0.95), (found.p90, 0.9),
      (found.median, 0.5), (found.p10, 0.1), (found.p5, 0.05), (found.p1, 0.01), (found.minimum, 0),
    ]
    for (found, fraction) in pairs { #expect(abs(found - Self.percentile(values, fraction)) < 2e-5) }
  }

  @Test("A teacher compared with itself is no different")
  func itself() throws {
    let teacher = smallDecoder(seed: 1)
    let student = try TeacherStudentComparison(teacher: teacher, students: [teacher], on: Self.text, window: 32)
      .students[0]
    for estimate in [
      student.logPerplexityRatio, student.klDivergence, student.probabilityDifference, student.probabilityDifferenceRMS,
    ] {
      #expect(estimate == Estimate(mean: 0, standardError: 0))
    }
    #expect(student.sameTopToken == Estimate(mean: 1, standardError: 0))
    #expect(student.speculativeAcceptance == Estimate(mean: 1, standardError: 0))
    #expect(student.klDivergencePercentiles.maximum == 0)
  }

  @Test("The paired standard error of a near student is far below that of its perplexity")
  func pairing() throws {
    let teacher = smallDecoder(seed: 1)
    let near = neighbour(of: teacher, by: 0.002, seed: 2)
    let student = try TeacherStudentComparison(teacher: teacher, students: [near], on: Self.text, window: 16)
      .students[0]
    let unpaired = student.perplexity.perplexityStandardError / student.perplexity.perplexity
    #expect(student.logPerplexityRatio.standardError < 0.1 * unpaired)
  }

  @Test("Perplexities are those of an evaluation alone, and progress counts every token once")
  func alone() throws {
    let teacher = smallDecoder(seed: 1)
    let student = smallDecoder(seed: 4)
    var seen: [Int] = []
    let comparison = try TeacherStudentComparison(
      teacher: teacher, students: [student, student], on: Self.text, window: 16, batchSize: 4
    ) { seen.append($0.tokens) }
    #expect(seen.last == 187)
    #expect(seen == seen.sorted())
    for (found, decoder) in [(comparison.teacher, teacher), (comparison.students[1].perplexity, student)] {
      var expected = try Perplexity(of: decoder, on: Self.text, window: 16, batchSize: 4)
      expected.tokensPerSecond = nil
      #expect(found == expected)
    }
  }

  @Test("A comparison survives JSON, with the names of the field")
  func json() throws {
    let teacher = smallDecoder(seed: 1)
    let comparison = try TeacherStudentComparison(
      teacher: teacher, students: [smallDecoder(seed: 2)], on: Self.text, window: 16)
    let data = try JSONEncoder().encode(comparison)
    #expect(try JSONDecoder().decode(TeacherStudentComparison.self, from: data) == comparison)
    let object = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
    let students = try #require(object["students"] as? [[String: Any]])
    #expect(
      students[0].keys.sorted() == [
        "kl_divergence", "kl_divergence_percentiles", "log_perplexity_ratio", "perplexity", "perplexity_ratio",
        "probability_difference", "probability_difference_percentiles", "probability_difference_rms", "same_top_token",
        "speculative_acceptance",
      ])
    let divergence = try #require(students[0]["kl_divergence"] as? [String: Double])
    #expect(divergence.keys.sorted() == ["mean", "standard_error"])
    let spread = try #require(students[0]["kl_divergence_percentiles"] as? [String: Double])
    #expect(
      spread.keys.sorted() == ["maximum", "median", "minimum", "p1", "p10", "p5", "p90", "p95", "p99", "p99_9"])
  }

  @Test("Models that cannot be compared are refused by name")
  func refusals() throws {
    let teacher = smallDecoder(seed: 1)
    let other = smallDecoder(vocabularySize: 60, seed: 2)
    #expect(throws: EvaluationError.vocabulariesDiffer(teacher: 50, student: 60, studentName: "student 2")) {
      try TeacherStudentComparison(teacher: teacher, students: [teacher, other], on: Self.text, window: 16)
    }
    let short = smallDecoder(contextLength: 8, seed: 2)
    #expect(throws: EvaluationError.windowBeyondContext(model: "the student", window: 16, contextLength: 8)) {
      try TeacherStudentComparison(teacher: teacher, students: [short], on: Self.text, window: 16)
    }
    let damaged = smallDecoder(seed: 2)
    damaged.head.dense(on: damaged.device).withMutableSpan { $0[3] = .infinity }
    #expect(throws: EvaluationError.self) {
      try TeacherStudentComparison(teacher: teacher, students: [damaged], on: Self.text, window: 16)
    }
  }
}
