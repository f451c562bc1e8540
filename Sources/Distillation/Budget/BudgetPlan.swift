public import Diagnostics

/// What is distilled within a budget of time, and by which pilots: short runs with a whole schedule, of the same
/// student, that show what the teacher is worth. It depends on the measurements alone.
///
/// ```swift
/// let plan = try BudgetPlan(measured)
/// let run = plan.firstPilot
/// // … make it, and plan.control(of: first) and plan.pilot(hardLabelWeight: 0.5, after: first) …
/// let decision = try BudgetDecision(plan, control: control, pilots: [first, mixed])
/// ```
public struct BudgetPlan: Sendable, Equatable {
  /// What it was made from.
  public let measured: BudgetMeasurements
  /// The index of the student that is distilled, of the candidates.
  public let choice: Int
  /// Whether the student is chosen for reading the text often enough, rather than as the smallest.
  public let readsEnough: Bool
  /// The sequences of a step.
  public let batchSize: Int
  /// Tokens of the text on which it is measured what a narrow student keeps.
  public let calibrationTokens: Int
  /// The seconds of cutting the student out of the teacher.
  public let cutSeconds: Double
  /// Windows of the held-out text that each evaluation measures.
  public let evaluationWindows: Int
  /// The seconds of an evaluation with the teacher.
  public let evaluationSeconds: Double
  /// The seconds of the report; nil where it takes too long.
  public let reportSeconds: Double?

  /// The passes over the text that a student should get, or else so many tokens for each of its weights.
  private static let (wantedPasses, wantedTokensPerWeight) = (3.0, 20.0)
  /// How often the student is evaluated.
  public static let evaluations = 4
  /// The tokens of each sample of the report.
  public static let reportedSampleTokens = 40

  /// - Throws: where the budget is too short for an evaluation, or for a run; the error says how long it must be.
  public init(_ measured: BudgetMeasurements) throws(InvalidValue) {
    self.measured = measured
    let costs = measured.candidates.map { BudgetCosts(measured: measured, student: $0) }
    let fitting = costs.firstIndex { costs in
      let (passes, weights) = (costs.passes, Double(costs.student.weights))
      let tokens = passes * Double(measured.trainingTokens)
      return costs.isPossible && (passes >= Self.wantedPasses || tokens >= Self.wantedTokensPerWeight * weights)
    }
    readsEnough = fitting != nil
    choice = fitting ?? costs.count - 1
    let chosen = costs[choice]
    guard chosen.isPossible else {
      let windows = chosen.evaluation(windows: BudgetCosts.leastWindows)
      throw Self.tooShort(
        measured.budget, needed: chosen.leastBudget,
        reason: "\(Self.text(measured.spent)) are spent on measuring, each of four runs needs "
          + "\(Self.text(measured.preparation)) before its first step, a step takes \(Self.text(chosen.step)), and an "
          + "evaluation \(Self.text(windows)) at least")
    }
    let wanted = measured.budget * BudgetCosts.evaluationShare / max(chosen.evaluation(windows: 1), 1e-12)
    let all = max(BudgetCosts.leastWindows, measured.heldOutTokens / measured.sequenceLength)
    evaluationWindows = min(all, max(BudgetCosts.leastWindows, Int(min(1e9, wanted))))
    evaluationSeconds = chosen.evaluation(windows: evaluationWindows)
    reportSeconds = chosen.report
    batchSize = chosen.batchSize
    (calibrationTokens, cutSeconds) = (chosen.calibrationTokens, chosen.cut)
  }

  /// What is distilled.
  public var student: BudgetMeasurements.Candidate { measured.candidates[choice] }

  /// The first pilot: the student learns from the teacher alone.
  public var firstPilot: BudgetedRun {
    run(hardLabelWeight: 0, seconds: BudgetCosts.pilotShare * measured.budget)
  }

  /// A pilot of another weight of the text, for as long as the first one took.
  public func pilot(hardLabelWeight: Double, after first: BudgetOutcome) -> BudgetedRun {
    run(hardLabelWeight: hardLabelWeight, seconds: first.seconds, slowdown: first.slowdown)
  }

  /// The control of the pilots: the text alone, for as long as the steps of the first one take in the student's own
  /// run. There a cache may spread the teacher's time over many passes; a pilot spends all of it.
  public func control(of first: BudgetOutcome) -> BudgetedRun {
    let price = expected(after: first).map { $0.seconds * first.run.passes / $0.passes } ?? first.seconds
    return run(hardLabelWeight: 1, seconds: min(first.seconds, price), slowdown: first.slowdown)
  }

  /// The student's own run as it is to be after the first pilot, where the other two take as long; nil where no time
  /// is left.
  func expected(after first: BudgetOutcome) -> BudgetedRun? {
    let left = left(afterPilots: 3 * first.seconds)
    guard left > 0 else { return nil }
    return run(hardLabelWeight: first.run.hardLabelWeight, seconds: left, slowdown: first.slowdown)
  }

  /// What is left for the steps of the student's run where those of all pilots took so many seconds; less than nothing
  /// where they took too long.
  func left(afterPilots seconds: Double) -> Double {
    measured.budget * (1 - BudgetCosts.reserve) - measured.spent - cutSeconds - seconds - 4 * measured.preparation
      - Double(2 + Self.evaluations) * evaluationSeconds - (reportSeconds ?? 0)
  }

  /// A run of the student.
  func run(hardLabelWeight: Double, seconds: Double, slowdown: Double = 1) -> BudgetedRun {
    BudgetedRun(
      measured, student: student, batchSize: batchSize, hardLabelWeight: hardLabelWeight, seconds: seconds,
      slowdown: slowdown)
  }

  /// What came of a run, of whose seconds those of its evaluations are taken off; one without a teacher is evaluated
  /// without it.
  public func outcome(_ run: BudgetedRun, seconds: Double, evaluations: Int, natsPerToken: Double) -> BudgetOutcome {
    let own = student.secondsPerToken / 3
    let share = run.hardLabelWeight < 1 ? 1 : own / (own + measured.teacherSecondsPerToken)
    let evaluation = Double(evaluations) * evaluationSeconds * share
    return BudgetOutcome(run, seconds: max(seconds / 2, seconds - evaluation), natsPerToken: natsPerToken)
  }

  static func tooShort(_ budget: Double, needed: Double, reason: String) -> InvalidValue {
    InvalidValue("--budget", expected: "at least \(text(needed)) here", found: text(budget), advice: reason)
  }

  /// A time as a user gives it: `90s`, `12m`; less than ten seconds with a digit behind the point.
  static func text(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "an unknown time" }
    if seconds < 10 { return "\((seconds * 10).rounded(.up) / 10)s" }
    return seconds < 600 ? "\(Int(seconds.rounded(.up)))s" : "\(Int((seconds / 60).rounded(.up)))m"
  }
}
