import Distillation
import ModelTraining

/// The charts of the runs of a report.
struct LearningCurves {
  /// A chart with its heading and what to know about it.
  struct Panel {
    let heading: String
    let note: String
    let chart: LineChart
  }

  private let runs: [(model: Int, name: String, record: RunRecord)]
  private let references: [(model: Int, name: String, result: ValidationResult)]
  /// The teacher's place among the models; nil where it is none of them.
  private let teacher: Int?

  /// - Parameters:
  ///   - models: the models of a report. A teacher is drawn as the level it came to where it was validated as another
  ///     run was; its own run took other text or more of it.
  ///   - names: what they are called.
  init(_ models: [ReportedModel], names: [String]) {
    runs = models.indices.compactMap { index in
      models[index].run.flatMap { run in
        models[index].role == .teacher && models.count > 1 || run.steps.isEmpty ? nil : (index, names[index], run)
      }
    }
    teacher = models.firstIndex { $0.role == .teacher }
    let students = models.filter { $0.role != .teacher }
    references = models.indices.compactMap { index in
      let model = models[index]
      guard model.role == .teacher, let result = model.run?.manifest.result?.lastValidation,
        result.crossEntropy.isFinite,
        students.contains(where: { $0.isValidated(as: model) })
      else { return nil }
      return (index, names[index], result)
    }
  }

  /// Those that there is something to draw for.
  var panels: [Panel] {
    let all = byTokens + [minimised] + overTime
    return all.compactMap(\.self)
  }

  private var byTokens: [Panel?] {
    let terms = LossTerm.ofDistillation.map { term in
      // A line through the marks would look like a run of its own beside the line of the training text.
      panel(term.title, term.note, training { $0.terms[term] } + validation(isJoined: false) { $0.terms[term] })
    }
    return [
      panel(
        "Cross-entropy, validation text", "nats per token of text that no weight is moved by",
        validation(\.crossEntropy),
        references: references.map {
          .init(model: $0.model, name: "\($0.name), at its end", y: $0.result.crossEntropy)
        }),
      panel("Cross-entropy, training text", "nats per token, of each step and smoothed", training(\.crossEntropy)),
    ] + terms + [
      panel(
        LossTerm.klDivergence.title, LossTerm.klDivergence.note, validation { $0.terms[.klDivergence] }),
      panel(
        LossTerm.entropy.title,
        LossTerm.entropy.note + (teacherEntropies.isEmpty ? "" : "; dotted: the teacher"),
        validation { $0.terms[.entropy] }, references: teacherEntropies),
    ]
  }

  /// Against the clock, by which a step that asks a teacher is dearer than one that does not.
  private var overTime: [Panel?] {
    let unit = timeUnit
    let name = "\(unit.name) of training"
    return [
      panel(
        "Cross-entropy, validation text, over time", "nats per token",
        validation(\.crossEntropy) { $0.seconds / unit.seconds }, xName: name),
      panel(
        "Cross-entropy, training text, over time", "nats per token, of each step and smoothed",
        training(\.crossEntropy) { $0.seconds / unit.seconds }, xName: name),
      panel(
        "KL divergence from the teacher, over time", "nats per token of validation text, at temperature 1",
        validation({ $0.terms[.klDivergence] }) { $0.seconds / unit.seconds }, xName: name),
    ]
  }

  /// How open the teacher leaves what comes next, as runs measured it; each level once.
  private var teacherEntropies: [LineChart.Reference] {
    guard let teacher else { return [] }
    var found: [LineChart.Reference] = []
    for run in runs {
      guard let value = run.record.evaluations.lazy.compactMap({ $0.terms[.teacherEntropy] }).first.finite,
        !found.contains(where: { abs($0.y - value) < 1e-4 * value })
      else { continue }
      found.append(.init(model: teacher, name: "teacher of \(run.name)", y: value))
    }
    return found
  }

  /// What times are given in: what leaves numbers of one to three digits.
  private var timeUnit: (seconds: Double, name: String) {
    let longest = runs.flatMap { $0.record.evaluations + $0.record.steps.suffix(1) }.map(\.seconds).max() ?? 0
    return longest >= 7200 ? (3600, "hours") : longest >= 120 ? (60, "minutes") : (1, "seconds")
  }

  /// What each run minimises, where it is neither of what the other charts show.
  private var minimised: Panel? {
    let isMixed = runs.contains { run in
      run.record.steps.contains { line in
        let others = [line.crossEntropy, line.terms[.divergence]].compactMap(\.self)
        return !others.contains { abs($0 - line.loss) <= 1e-6 * abs(line.loss) }
      }
    }
    return isMixed
      ? panel(
        "Loss, as minimised",
        "per token, of each step and smoothed; each run in its own objective, so that levels do not compare",
        training(\.loss)) : nil
  }

  private func panel(
    _ heading: String, _ note: String, _ curves: [Curve], xName: String = "tokens of training",
    references: [LineChart.Reference] = []
  ) -> Panel? {
    guard !curves.isEmpty else { return nil }
    let ends = curves.map { "\($0.name) ends at \(Figures.fixed($0.points[$0.points.count - 1].y, 4))" }
    let chart = LineChart(
      description: "\(heading): " + ends.joined(separator: "; "), xName: xName, curves: curves,
      references: references)
    return Panel(heading: heading, note: note, chart: chart)
  }

  private func training(
    _ value: (MetricsLine) -> Double?, over time: ((MetricsLine) -> Double)? = nil
  ) -> [Curve] {
    runs.compactMap { run in
      let points = run.record.steps.compactMap { line in
        value(line).finite.map { Curve.Point(x: time?(line) ?? Double(line.tokensSeen ?? line.step), y: $0) }
      }
      return points.isEmpty ? nil : Curve(model: run.model, name: run.name, points: points, isMarked: false)
    }
  }

  private func validation(
    isJoined: Bool = true, _ value: (MetricsLine) -> Double?, over time: ((MetricsLine) -> Double)? = nil
  ) -> [Curve] {
    runs.compactMap { run in
      let tokens = Dictionary(
        run.record.steps.map { ($0.step, $0.tokensSeen ?? $0.step) }, uniquingKeysWith: { first, _ in first })
      let points = run.record.evaluations.compactMap { line in
        value(line).finite.map { Curve.Point(x: time?(line) ?? Double(tokens[line.step] ?? line.step), y: $0) }
      }
      return points.isEmpty
        ? nil
        : Curve(model: run.model, name: "\(run.name), validation", points: points, isMarked: true, isJoined: isJoined)
    }
  }
}

extension ReportedModel {
  /// Whether validation measured the same text in the same way.
  fileprivate func isValidated(as other: ReportedModel) -> Bool {
    [
      "validation-text", "validation-share", "sequence-length", "evaluation-sequences", "count",
    ].allSatisfy { key in
      setting(key) == other.setting(key)
    }
  }
}

extension Double? {
  /// What can be drawn: a run that diverged has losses that are not numbers.
  fileprivate var finite: Double? { flatMap { $0.isFinite ? $0 : nil } }
}
