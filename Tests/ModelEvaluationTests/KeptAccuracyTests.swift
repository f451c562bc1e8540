import Testing

@testable import ModelEvaluation

@Suite("What students keep of their teacher's accuracy")
struct KeptAccuracyTests {
  private static func result(
    _ task: String, _ right: [[Int]], metrics: [AnswerMetric] = [.accuracy, .normalizedAccuracy], guessing: Double?
  ) -> TaskResult {
    TaskResult(
      task: task, scores: zip(metrics, right).map { .init(metric: $0, isRight: $1.map { $0 == 1 }) },
      guessing: guessing, truncatedPrompts: 0, questionsPerSecond: 1, answers: [])
  }

  @Test("The share is a ratio of means, and its error that of paired answers")
  func share() throws {
    let teacher = Self.result("a", [[1, 1, 1, 1, 0, 0, 1, 1], [1, 1, 1, 1, 1, 1, 1, 0]], guessing: 0.25)
    let student = Self.result("a", [[1, 1, 0, 1, 0, 1, 0, 1], [1, 1, 1, 1, 1, 1, 1, 0]], guessing: 0.25)
    let kept = KeptAccuracy.all(student: [student], teacher: [teacher])
    #expect(kept.map(\.metric) == [.accuracy, .normalizedAccuracy] && kept.map(\.task) == ["a", "a"])
    #expect(kept[0].teacher == 0.75 && kept[0].student == 0.625)
    let share = try #require(kept[0].share)
    #expect(abs(share.mean - 5.0 / 6) < 1e-12)
    // s − 5/6 t: 1/6 four times… by hand, with the sample variance
    let residuals = [1.0 / 6, 1.0 / 6, -5.0 / 6, 1.0 / 6, 0, 1, -5.0 / 6, 1.0 / 6]
    let variance = residuals.reduce(0) { $0 + $1 * $1 } / 7
    #expect(abs(share.standardError - (variance / 8).squareRoot() / 0.75) < 1e-12)
    // the same answers: all is kept, and surely so
    #expect(kept[1].share == Estimate(mean: 1, standardError: 0))
    #expect(kept.map(\.isTeacherAboveGuessing) == [true, true])
    #expect(kept.map(\.isNamed) == [true, false])
  }

  @Test("Tasks count the same in all of them together, of each its first metric")
  func allTasks() throws {
    let open: [AnswerMetric] = [.strictMatch, .flexibleMatch]
    let teachers = [
      Self.result("a", [[1, 1, 1, 0], [0, 0, 0, 0]], guessing: 0.5),
      Self.result("b", [[1, 0], [1, 1]], metrics: open, guessing: nil),
    ]
    let students = [
      Self.result("a", [[1, 0, 1, 0], [1, 0, 0, 0]], guessing: 0.5),
      Self.result("b", [[0, 0], [1, 0]], metrics: open, guessing: nil),
    ]
    let kept = KeptAccuracy.all(student: students, teacher: teachers)
    #expect(kept.count == 5)
    #expect(kept[1].share == nil && !kept[1].isTeacherAboveGuessing)
    #expect(kept[4].task == nil && kept[4].metric == nil && kept[4].isNamed)
    #expect(kept[4].teacher == 0.625 && kept[4].student == 0.25)
    let share = try #require(kept[4].share)
    #expect(abs(share.mean - 0.4) < 1e-12)
    func squaredError(_ residuals: [Double]) -> Double {
      let mean = residuals.reduce(0, +) / Double(residuals.count)
      let squares = residuals.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      return squares / Double((residuals.count - 1) * residuals.count)
    }
    let sum = squaredError([0.6, -0.4, 0.6, 0]) + squaredError([-0.4, 0])
    #expect(abs(share.standardError - sum.squareRoot() / 2 / 0.625) < 1e-12)
    #expect(!kept[0].isTeacherAboveGuessing)
  }
}
