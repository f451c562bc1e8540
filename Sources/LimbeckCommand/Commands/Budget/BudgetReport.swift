import Distillation
import Foundation

/// What came of a budget.
struct BudgetReport: Encodable {
  let choices: [BudgetChoices.Choice]
  let seconds, perplexity, teacherPerplexity: Double
  let pilotSeconds, pilotPerplexity, controlSeconds, controlPerplexity: Double
  let verdict: BudgetDecision.Verdict
  let student: String
  /// What distilling was worth, in two sentences.
  private(set) var summary = ""
  /// Whether the control had time for more passes than help it.
  private let controlIsCutShort: Bool
  /// Whether the student's run caches its teacher.
  private let isCached: Bool
  /// Whether the control's time was that of steps that cache their teacher; nil where that of the pilot.
  private let assumedCache: Bool?

  private enum CodingKeys: String, CodingKey {
    case choices, seconds, perplexity, teacherPerplexity, pilotSeconds, pilotPerplexity, controlSeconds
    case controlPerplexity, verdict, student, summary
  }

  init(
    _ choices: BudgetChoices, _ decision: BudgetDecision, control: BudgetOutcome, student: BudgetOutcome,
    seconds: Double, _ steps: BudgetSteps
  ) {
    self.choices = choices.all
    self.seconds = seconds
    perplexity = exp(student.natsPerToken)
    teacherPerplexity = exp(steps.record.teacherNats)
    (pilotSeconds, pilotPerplexity) = (decision.best.seconds, exp(decision.best.natsPerToken))
    (controlSeconds, controlPerplexity) = (control.seconds, exp(control.natsPerToken))
    verdict = decision.verdict
    controlIsCutShort = control.run.isCutShort
    isCached = decision.run.isCached
    assumedCache = decision.controlAssumedCache
    self.student = steps.settings.path("student")
    summary = sentences
  }

  private var sentences: String {
    let worth =
      switch verdict {
      case .pays: "distilling paid."
      case .doesNotPay:
        "distilling did not pay; the same student without its teacher: limbeck train --control-of "
          + "\(student.shellQuoted) --output NEW"
      case .noDifference: "distilling made no difference beyond that of another seed."
      }
    let times =
      abs(pilotSeconds - controlSeconds) <= 0.05 * max(pilotSeconds, controlSeconds)
      ? "In \(Self.time(pilotSeconds)) each, distilling reached \(Format.fixed(pilotPerplexity, 1)) and the text alone "
        + "\(Format.fixed(controlPerplexity, 1))"
      : "Distilling reached \(Format.fixed(pilotPerplexity, 1)) by steps that "
        + (assumedCache == true
          ? "take \(Self.time(controlSeconds)) with a cached teacher"
          : "took \(Self.time(pilotSeconds))")
        + ", and the text alone \(Format.fixed(controlPerplexity, 1)) in \(Self.time(controlSeconds))"
        + (controlIsCutShort ? ", after which it would learn by heart" : "")
    let cache =
      assumedCache.map { $0 != isCached } ?? false
      ? " The student's run \(isCached ? "caches" : "does not cache") its teacher, unlike what the control's time "
        + "was taken from."
      : ""
    return "In about \(Self.time(seconds)), without the report, the student reached a perplexity of "
      + "\(Format.fixed(perplexity, 1)) (teacher \(Format.fixed(teacherPerplexity, 1))). \(times): \(worth)\(cache)"
  }

  private static func time(_ seconds: Double) -> String {
    if seconds < 10 { return "\(Format.fixed(seconds, 1)) s" }
    return seconds < 600 ? "\(Format.fixed(seconds, 0)) s" : "\(Format.fixed(seconds / 60, 0)) minutes"
  }
}
