import Foundation
import TensorCore
import TestSupport
import Testing

/// The exponentials of forward KL straight from logits, against sums in double relative to the row's maximum.
@Suite struct SoftmaxPairTests {
  /// How logits are arranged along the row, which is worked on in pieces relative to the greatest so far.
  enum Arrangement: CaseIterable {
    case mixed, ascending, descending, masked
  }

  private func row(_ count: Int, seed: UInt64, _ arrangement: Arrangement) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    let x = (0..<count).map { _ in Float(4 * generator.nextNormal()) }
    switch arrangement {
    case .mixed: return x
    case .ascending: return x.enumerated().map { $1 + Float($0) * 0.01 }
    case .descending: return x.enumerated().map { $1 - Float($0) * 0.01 }
    // the first piece has no logit at all
    case .masked: return x.enumerated().map { $0 < min(1_100, count - 1) ? -.infinity : $1 }
    }
  }

  @Test(arguments: Arrangement.allCases, [Float(1), 2, 3])
  func sumsAndGradientAreThoseOfDouble(_ arrangement: Arrangement, _ temperature: Float) {
    for count in [1, 31, 33, 1_023, 1_024, 1_025, 2_048, 5_000] {
      let teacher = row(count, seed: 1, arrangement)
      let student = row(count, seed: 2, .mixed)
      let expected = Expected(teacher: teacher, student: student, temperature: Double(temperature))
      var (p, q) = (teacher, student)
      var e = [Float](repeating: .nan, count: count)
      var teacherSpan = p.mutableSpan
      var studentSpan = q.mutableSpan
      var exponentials = e.mutableSpan
      let pair = RowKernels.softmaxPair(
        teacher: &teacherSpan, exponentials: &exponentials, student: studentSpan.span, temperature: temperature)
      #expect(pair.studentMaximum == student.max())
      for (found, exact) in [
        (pair.student, expected.studentSum), (pair.teacher, expected.teacherSum), (pair.hard, expected.hardSum),
      ] {
        #expect(abs(found - exact) < 1e-6 * exact, "\(count) \(found) \(exact)")
      }
      #expect(abs(pair.cross - expected.cross) < 2e-6 * expected.crossMagnitude, "\(count)")
      RowKernels.softmaxPairGradient(
        student: &studentSpan, teacher: teacherSpan.span, exponentials: exponentials.span, pair: pair,
        studentScale: 0.5, teacherScale: 0.25, hardScale: 2, temperature: temperature)
      let gradient = (0..<count).map {
        0.5 * expected.students[$0] - 0.25 * expected.teachers[$0] + 2 * expected.hards[$0]
      }
      #expect(zip(q, gradient).allSatisfy { abs(Double($0) - $1) < 3e-6 }, "\(count)")
    }
  }

  @Test(arguments: [0, 500, 1_500, 4_999]) func aLogitThatIsNoNumberShows(_ place: Int) {
    for isTeachers in [true, false] {
      var (p, q) = (row(5_000, seed: 1, .mixed), row(5_000, seed: 2, .mixed))
      if isTeachers { p[place] = .nan } else { q[place] = .nan }
      var e = p
      var teacher = p.mutableSpan
      var exponentials = e.mutableSpan
      let pair = RowKernels.softmaxPair(
        teacher: &teacher, exponentials: &exponentials, student: q.span, temperature: 2)
      #expect(isTeachers ? pair.teacher.isNaN : pair.student.isNaN && pair.hard.isNaN)
    }
  }

  private struct Expected {
    let students, teachers, hards: [Double]
    let cross, crossMagnitude: Double
    var studentSum: Double { students.reduce(0, +) }
    var teacherSum: Double { teachers.reduce(0, +) }
    var hardSum: Double { hards.reduce(0, +) }

    init(teacher: [Float], student: [Float], temperature: Double) {
      func shifted(_ x: [Float]) -> [Double] {
        let maximum = Double(x.max() ?? 0)
        return x.map { Double($0) - maximum }
      }
      let (p, q) = (shifted(teacher), shifted(student))
      students = q.map { exp($0 / temperature) }
      teachers = p.map { exp($0 / temperature) }
      hards = q.map { exp($0) }
      let terms = zip(teachers, zip(p, q)).map { $0 > 0 ? $0 * ($1.0 - $1.1) / temperature : 0 }
      cross = terms.reduce(0, +)
      crossMagnitude = terms.reduce(1) { $0 + abs($1) }
    }
  }
}
