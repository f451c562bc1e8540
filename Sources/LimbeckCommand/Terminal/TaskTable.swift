import ModelEvaluation

/// The accuracies of models as a table: one column a model. With a teacher, what each other model keeps of its
/// accuracy, in the table and in sentences.
struct TaskTable {
  private let folders: [String]
  private let teacher: Int?
  private var rows: [[String]] = []
  /// What is said above and below the table.
  private var heads: [String] = []
  private var sentences: [String] = []

  /// - Parameters:
  ///   - folders: the models.
  ///   - results: for each model one result a task; at least one model and one task.
  ///   - teacher: which of the models the others are students of; nil where nobody is anybody's student.
  init(_ folders: [String], _ results: [[TaskResult]], teacher: Int?) {
    self.folders = folders
    self.teacher = teacher
    let kept = folders.indices.map { index -> [KeptAccuracy]? in
      teacher.flatMap { $0 == index ? nil : .some(KeptAccuracy.all(student: results[index], teacher: results[$0])) }
    }
    for (place, task) in results[0].enumerated() {
      let guessing = task.guessing.map { ", of which guessing has \(Self.percent($0)) right" } ?? ""
      heads.append("\(task.task): \(Format.count(task.questions, "question"))\(guessing)")
      for (number, score) in task.scores.enumerated() {
        let name = "\(score.metric.title) of \(task.task)"
        rows.append([name + ", %"] + results.map { Self.estimate($0[place].scores[number].accuracy) })
        if teacher != nil {
          rows.append(
            ["  of the teacher's, %"]
              + kept.map { kept in
                guard let kept else { return "" }
                let own = kept.first { $0.task == task.task && $0.metric == score.metric }
                return own?.share.map(Self.estimate) ?? "-"
              })
        }
      }
    }
    for (folder, kept) in zip(folders, kept) {
      sentences += (kept ?? []).filter(\.isNamed).map { Self.sentence(folder, $0) }
    }
  }

  /// The table, as `ModelColumns` fits it into so many columns of a screen.
  func text(columns: Int?) -> String {
    heads.map { $0 + "\n" }.joined()
      + ModelColumns(folders: folders, rows: rows, teacher: teacher).text(columns: columns)
      + (sentences.isEmpty ? "" : "\n") + sentences.map { $0 + "\n" }.joined()
  }

  /// What a student keeps, in a sentence.
  private static func sentence(_ folder: String, _ kept: KeptAccuracy) -> String {
    let place = kept.task.map { "on \($0)" } ?? "over all tasks"
    let metric = kept.metric?.title ?? "accuracy"
    guard let share = kept.share else { return "\(folder): the teacher has no answer \(place) right (\(metric))" }
    let remark =
      kept.isTeacherAboveGuessing
      ? "" : "; the teacher is not surely better than guessing: this says little"
    return "\(folder) keeps \(percent(share.mean, 1)) ± \(percent(share.standardError, 1)) of the teacher's \(metric) "
      + "\(place): \(percent(kept.student)) of \(percent(kept.teacher))\(remark)"
  }

  private static func percent(_ share: Double, _ digits: Int = 2) -> String { Format.fixed(100 * share, digits) + " %" }

  private static func estimate(_ value: Estimate) -> String {
    "\(Format.fixed(100 * value.mean, 2)) ± \(Format.fixed(100 * value.standardError, 2))"
  }
}
