public import Diagnostics

/// What came of a run within a budget.
public struct BudgetOutcome: Sendable, Equatable {
  /// Its schedule.
  public let run: BudgetedRun
  /// The seconds that its steps took.
  public let seconds: Double
  /// Its last evaluation, or of the control its best, in nats a token; infinite where a loss was not finite.
  public let natsPerToken: Double

  /// An outcome, as the properties say.
  public init(_ run: BudgetedRun, seconds: Double, natsPerToken: Double) {
    self.run = run
    self.seconds = seconds
    self.natsPerToken = natsPerToken.isNaN ? .infinity : natsPerToken
  }

  /// How many times as long as planned it took, within reason.
  public var slowdown: Double { min(4, max(0.25, seconds / max(run.seconds, 1e-9))) }
}

/// What the pilots of a budget say: whether the teacher pays, and how the student is distilled in the time that is
/// left.
public struct BudgetDecision: Sendable, Equatable {
  /// What a teacher is worth at equal time.
  public enum Verdict: String, Sendable, Codable, Equatable {
    /// The student learns more with it.
    case pays
    /// It learns more without it.
    case doesNotPay = "does not pay"
    /// The two are as close as two runs that differ in their seed.
    case noDifference = "no difference"
  }

  /// The better of the pilots with a teacher.
  public let best: BudgetOutcome
  /// What the teacher is worth, by it and the control.
  public let verdict: Verdict
  /// How the student is distilled.
  public let run: BudgetedRun
  /// Whether the control was given the time of steps that cache their teacher; nil where that of the pilot itself.
  public let controlAssumedCache: Bool?

  /// Seeds differ by 0.02 to 0.05 nats: what is less says nothing.
  static let noise = 0.05

  /// - Parameters:
  ///   - plan: what the pilots were made by.
  ///   - control: the pilot without a teacher.
  ///   - pilots: those with one, the first one first.
  /// - Throws: where all that learnt from the teacher diverged, or no time is left.
  public init(_ plan: BudgetPlan, control: BudgetOutcome, pilots: [BudgetOutcome]) throws(InvalidValue) {
    precondition(!pilots.isEmpty, "no pilot with a teacher")
    let measured = plan.measured
    // the first one is the default, and stays where both are as good
    let best = pilots.dropFirst().reduce(pilots[0]) { $1.natsPerToken < $0.natsPerToken ? $1 : $0 }
    guard best.natsPerToken.isFinite else {
      throw InvalidValue(
        "the teacher", expected: "predictions that a student can learn", found: "losses that are not finite",
        advice: "limbeck perplexity says what the teacher makes of the text")
    }
    self.best = best
    let gain = control.natsPerToken - best.natsPerToken
    verdict = gain > Self.noise ? .pays : gain < -Self.noise ? .doesNotPay : .noDifference
    let left = plan.left(afterPilots: ([control] + pilots).reduce(0) { $0 + $1.seconds })
    guard left > 0 else {
      throw BudgetPlan.tooShort(
        measured.budget, needed: 2 * (measured.budget - left), reason: "the pilots took all of the time")
    }
    // a pilot after the first one was planned by the first one's speed
    let slowdown = best.run == pilots[0].run ? best.slowdown : pilots[0].slowdown * best.slowdown
    run = plan.run(hardLabelWeight: best.run.hardLabelWeight, seconds: left, slowdown: slowdown)
    controlAssumedCache = plan.expected(after: pilots[0])?.isCached
  }
}
