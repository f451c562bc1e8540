import ModelEvaluation
import Testing

@testable import DistillationReport

@Suite("Tasks in a report")
struct ReportTaskTests {
  private static let hostile = "<script>alert(\"x\")</script>"

  /// A model that has the first so many of 100 questions right.
  private static func model(_ role: ReportedModel.Role, right counts: [Int]) -> ReportedModel {
    var model = ReportedModel(role: role, folder: "runs/\(role.rawValue)")
    model.tasks = counts.enumerated().map { index, count in
      TaskResult(
        task: "\(hostile)\(index)",
        scores: [.init(metric: .accuracy, isRight: (0..<100).map { $0 < count })], guessing: 0.25,
        truncatedPrompts: 0, questionsPerSecond: 1, answers: [])
    }
    return model
  }

  private static func html(_ models: [ReportedModel]) -> String {
    DistillationReport(program: "limbeck", models: models).html
  }

  @Test("A student keeps a share, of one task or of all, and names are escaped")
  func shares() {
    let one = Self.html([Self.model(.teacher, right: [80]), Self.model(.student, right: [60])])
    #expect(!one.contains("<script>") && one.contains("&lt;script&gt;"))
    #expect(one.contains("<b class=\"share\">75.0\u{202F}%</b>"))
    #expect(one.contains("60.0\u{202F}% of 80.0\u{202F}%.</p>") && one.contains("25.0\u{202F}% by guessing"))
    #expect(one.contains("of the teacher’s</th><td><span class=\"none\">"))
    let two = Self.html([Self.model(.teacher, right: [80, 40]), Self.model(.student, right: [60, 30])])
    #expect(two.contains("of the teacher’s accuracy over all tasks: 45.0\u{202F}% of 60.0\u{202F}%."))
    #expect(!two.contains("of the teacher’s accuracy on") && !two.contains("says little"))
  }

  @Test("A teacher that guesses is said to, and one without a right answer has no share")
  func guessing() {
    let guessing = Self.html([Self.model(.teacher, right: [30]), Self.model(.student, right: [30])])
    #expect(guessing.contains("100.0\u{202F}%</b>") && guessing.contains("this says little"))
    let nothing = Self.html([Self.model(.teacher, right: [0]), Self.model(.student, right: [30])])
    #expect(nothing.contains("<h2>Task accuracy</h2>") && !nothing.contains("class=\"finding"))
  }

  @Test("Without a teacher there are accuracies alone, and without tasks nothing")
  func alone() {
    let alone = Self.html([Self.model(.baseline, right: [50])])
    #expect(alone.contains("<h2>Task accuracy</h2>") && !alone.contains("of the teacher’s"))
    #expect(!Self.html([ReportedModel(role: .teacher, folder: "t")]).contains("Task accuracy"))
  }
}
