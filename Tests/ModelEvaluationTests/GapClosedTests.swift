import Foundation
import TensorCore
import TestSupport
import Testing

@testable import ModelEvaluation

@Suite("The gap that distillation closes")
struct GapClosedTests {
  /// Nats of teacher, control and student on the same tokens, of which each is hard for all three alike.
  private static func nats(_ count: Int, control: Double, student: Double) -> (
    teacher: [Double], control: [Double], student: [Double]
  ) {
    var generator = SeededGenerator(seed: 7)
    var nats: (teacher: [Double], control: [Double], student: [Double]) = ([], [], [])
    for _ in 0..<count {
      let hardness = 4 + 2 * generator.nextNormal()
      nats.teacher.append(hardness + 0.3 * generator.nextNormal())
      nats.control.append(hardness + control + 0.4 * generator.nextNormal())
      nats.student.append(hardness + student + 0.2 * generator.nextNormal())
    }
    return nats
  }

  private static func share(_ nats: (teacher: [Double], control: [Double], student: [Double])) -> Double {
    let (teacher, control) = (nats.teacher.reduce(0, +), nats.control.reduce(0, +))
    return (control - nats.student.reduce(0, +)) / (control - teacher)
  }

  @Test("The share and its error are those of leaving out each token in turn")
  func jackknife() throws {
    let count = 600
    let nats = Self.nats(count, control: 0.3, student: 0.12)
    let found = try #require(
      Estimate.gapClosed(teacher: nats.teacher, control: nats.control, student: nats.student))
    #expect(abs(found.mean - Self.share(nats)) < 1e-12)
    #expect(abs(found.mean - 0.6) < 5 * found.standardError)
    let without = (0..<count).map { left in
      var rest = nats
      rest.teacher.remove(at: left)
      rest.control.remove(at: left)
      rest.student.remove(at: left)
      return Self.share(rest)
    }
    let mean = without.reduce(0, +) / Double(count)
    let squares = without.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let error = (squares * Double(count - 1) / Double(count)).squareRoot()
    #expect(abs(found.standardError - error) < 0.02 * error)
  }

  @Test("The control closes nothing, the teacher everything")
  func ends() throws {
    let nats = Self.nats(300, control: 0.4, student: 0)
    let none = Estimate.gapClosed(teacher: nats.teacher, control: nats.control, student: nats.control)
    #expect(none == Estimate(mean: 0, standardError: 0))
    let all = try #require(Estimate.gapClosed(teacher: nats.teacher, control: nats.control, student: nats.teacher))
    #expect(abs(all.mean - 1) < 1e-12 && all.standardError < 1e-12)
  }

  @Test("Where control and teacher do not surely differ, there is no share")
  func noGap() {
    let nats = Self.nats(300, control: 0, student: 0.1)
    #expect(Estimate.gapClosed(teacher: nats.teacher, control: nats.control, student: nats.student) == nil)
    let reversed = Self.nats(300, control: -1, student: 0.1)
    #expect(Estimate.gapClosed(teacher: reversed.teacher, control: reversed.control, student: reversed.student) == nil)
  }

  @Test("A comparison gives it to all students but the control")
  func comparison() throws {
    let teacher = smallDecoder(seed: 1)
    let text = EvaluationText(documents: [randomIDs(200, seed: 1)])
    let students = [neighbour(of: teacher, by: 0.02, seed: 2), smallDecoder(seed: 3)]
    let tokens = try TokenComparison(teacher: teacher, students: students, on: text, window: 16)
    let nats = [tokens.students[0].teacherNats, tokens.students[1].studentNats, tokens.students[0].studentNats]
    let comparison = TeacherStudentComparison(tokens, control: 1)
    let gap = Estimate.gapClosed(teacher: nats[0], control: nats[1], student: nats[2])
    #expect(comparison.students.map(\.gapClosed) == [gap, nil])
    #expect(TeacherStudentComparison(tokens).students.allSatisfy { $0.gapClosed == nil })
  }
}
