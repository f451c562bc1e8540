import Distillation
import DurableFiles

/// The calls that spend a budget.
struct BudgetSteps {
  let settings: BudgetSettings
  let record: BudgetRecord
  let plan: BudgetPlan

  /// A run, where it lies, and what came of it.
  struct Run {
    let name: String
    let schedule: BudgetedRun
    let step: CommandStep
    let evaluations: Int
    /// Whether its best evaluation counts, rather than its last: a control may learn by heart.
    var countsBest = false
  }

  /// What `--student` is.
  var student: String {
    switch record.starts[plan.choice] {
    case .cut: settings.path("start")
    case .fresh(let size): size
    }
  }

  /// Cuts the student out of the teacher; nil where it is a fresh one.
  var cutting: CommandStep? {
    guard case .cut(let layers, let hiddenSize, let feedForwardSize) = record.starts[plan.choice] else { return nil }
    let widths =
      (hiddenSize.map { ["--hidden-size", "\($0)"] } ?? [])
      + (feedForwardSize.map { ["--feed-forward-size", "\($0)"] } ?? [])
    let calibration =
      widths.isEmpty
      ? [] : ["--calibration-text"] + settings.text + ["--calibration-tokens", "\(plan.calibrationTokens)"]
    return CommandStep(
      title: "The student is cut out of the teacher",
      arguments: ["student", "--from", record.teacher, "--layers", layers.map(String.init).joined(separator: ",")]
        + widths + calibration + ["--quiet"] + settings.device.arguments + ["--output", student],
      result: "\(student)/model.safetensors")
  }

  /// A pilot with the teacher.
  func pilot(_ name: String, _ run: BudgetedRun) -> Run {
    let flags = settings(of: run, evaluations: 1).flatMap { key, values in
      values == ["true"] ? ["--\(key)"] : ["--\(key)"] + values
    }
    let title = run.hardLabelWeight == 0 ? "Pilot: the teacher alone" : "Pilot: teacher and text, half and half"
    return Run(
      name: name, schedule: run, step: step(title, name, ["distill"] + flags + settings.device.arguments),
      evaluations: 1)
  }

  /// The pilot without the teacher: the student of another one, on the same sequences.
  func control(_ run: BudgetedRun, of pilot: String) -> Run {
    let arguments =
      ["train", "--control-of", settings.path(pilot)]
      + [
        ("steps", "\(run.steps)"), ("warmup-steps", "\(run.warmupSteps)"), ("weight-decay", "\(run.weightDecay)"),
        ("evaluate-every", "\(Self.interval(run, BudgetPlan.evaluations))"),
      ].flatMap { ["--\($0)", $1] }
    return Run(
      name: "control", schedule: run, step: step("Control: the text alone, for as long", "control", arguments),
      evaluations: BudgetPlan.evaluations, countsBest: true)
  }

  /// The student, by a recipe that is written before.
  func main(_ run: BudgetedRun) -> Run {
    Run(
      name: "student", schedule: run,
      step: step(
        "The student, for the time that is left", "student",
        ["distill", "--recipe", settings.path("recipe.yaml")] + settings.device.arguments),
      evaluations: BudgetPlan.evaluations)
  }

  /// The report of the student and of the pilots that came to an end. The control of the pilots has too few steps to be
  /// set beside the student.
  var report: CommandStep {
    CommandStep(
      title: "The report",
      arguments: ["report"]
        + ["student", "pilot", "mixed"].map(settings.path).filter {
          somethingExists(at: "\($0)/model.safetensors")
        } + ["--output", settings.path("report.html")]
        + ["--sample-tokens", "\(BudgetPlan.reportedSampleTokens)"] + settings.device.arguments,
      result: settings.path("report.html"), source: settings.path("student/model.safetensors"))
  }

  /// The settings of a run with the teacher, in their order.
  func settings(of run: BudgetedRun, evaluations: Int) -> [(key: String, values: [String])] {
    let measured = record.measurements
    var found: [(key: String, values: [String])] = [
      ("teacher", [record.teacher]), ("student", [student]), ("text", settings.text),
    ]
    found.append(
      settings.share.map { ("validation-share", ["\($0)"]) } ?? ("validation-text", settings.validationText))
    found += [
      ("hard-label-weight", ["\(run.hardLabelWeight)"]), ("steps", ["\(run.steps)"]),
      ("batch-size", ["\(plan.batchSize)"]), ("sequence-length", ["\(measured.sequenceLength)"]),
      ("learning-rate", ["\(run.learningRate)"]), ("warmup-steps", ["\(run.warmupSteps)"]),
      ("weight-decay", ["\(run.weightDecay)"]), ("seed", ["\(settings.seed)"]),
      ("evaluation-sequences", ["\(plan.evaluationWindows)"]),
      ("evaluate-every", ["\(Self.interval(run, evaluations))"]),
      ("checkpoint-every", ["\(Self.checkpointInterval(run))"]), ("kept-checkpoints", ["1"]),
    ]
    found += [("precision", [record.precision]), ("teacher-precision", [record.precision])]
    if run.isCached { found.append(("cache-while-distilling", ["true"])) }
    if record.leavesOutBOS { found.append(("no-sequence-bos", ["true"])) }
    return found
  }

  /// Steps from one evaluation to the next, the last of which is at the end.
  private static func interval(_ run: BudgetedRun, _ evaluations: Int) -> Int {
    max(1, (run.steps + evaluations - 1) / evaluations)
  }

  /// About a minute's steps.
  private static func checkpointInterval(_ run: BudgetedRun) -> Int {
    max(1, Int(min(1e9, 60 * Double(run.steps) / max(run.seconds, 1))))
  }

  private func step(_ title: String, _ name: String, _ arguments: [String]) -> CommandStep {
    let folder = settings.path(name)
    let isBegun = somethingExists(at: "\(folder)/run.json")
    return CommandStep(
      title: title,
      arguments: (isBegun ? [arguments[0], "--resume"] : arguments) + ["--output", folder],
      result: "\(folder)/model.safetensors")
  }
}
