public import ModelTraining

/// A `DistillationObjective` whose temperature and weights may change over the steps of a run.
///
/// ```swift
/// var objective = ScheduledObjective(.forwardKL, temperature: .linear(from: 4, to: 1))
/// objective.divergences.append((.cosine(from: 0, to: 0.5), .reverseKL))
/// ```
public struct ScheduledObjective: Sendable {
  /// The divergences, whose weighted sum is the soft term's divergence.
  public var divergences: [(weight: Schedule, divergence: any Divergence)]
  /// τ, what the logits of both sides are divided by; in `DistillationObjective.allowedTemperatures` at every step.
  public var temperature: Schedule
  /// The weight of the cross-entropy; λ in 0...1 where `softLabelWeight` is nil.
  public var hardLabelWeight: Schedule
  /// The weight of τ² · divergence, 0 or more; nil for 1 − λ.
  public var softLabelWeight: Schedule?
  /// The weight of the mean squared difference of the logits, 0 or more.
  public var logitsMSEWeight: Schedule
  /// How much each token counts in the terms that compare student and teacher.
  public var tokenWeighting: TokenWeighting
  /// The steps for which all this holds; in the others only the cross-entropy counts, with weight 1. All by default.
  public var distilledSteps = DistilledSteps.all

  /// An objective of one divergence; the parameters are as the properties, with the defaults of
  /// `DistillationObjective`.
  public init(
    _ divergence: some Divergence, temperature: Schedule = 1, hardLabelWeight: Schedule = 0,
    softLabelWeight: Schedule? = nil, logitsMSEWeight: Schedule = 0, tokenWeighting: TokenWeighting = .uniform
  ) {
    divergences = [(1, divergence)]
    self.temperature = temperature
    self.hardLabelWeight = hardLabelWeight
    self.softLabelWeight = softLabelWeight
    self.logitsMSEWeight = logitsMSEWeight
    self.tokenWeighting = tokenWeighting
  }

  /// Forward KL at temperature 1, and nothing else.
  public static let forwardKL = ScheduledObjective(ForwardKL())

  /// The same objective at every step.
  public init(_ objective: DistillationObjective) {
    divergences = [(1, objective.divergence)]
    temperature = .constant(objective.temperature)
    hardLabelWeight = .constant(objective.hardLabelWeight)
    softLabelWeight = .constant(objective.softLabelWeight)
    logitsMSEWeight = .constant(objective.logitsMSEWeight)
    tokenWeighting = objective.tokenWeighting
  }

  /// What is minimised at a step of a run.
  public func objective(at position: StepPosition) -> DistillationObjective {
    let terms = divergences.map { ($0.weight.value(at: position), $0.divergence) }
    let divergence: any Divergence =
      terms.count == 1 && terms[0].0 == 1 ? terms[0].1 : CombinedDivergence(terms)
    guard distilledSteps.contains(position) else {
      return DistillationObjective(
        divergence, temperature: temperature.value(at: position), hardLabelWeight: 1, softLabelWeight: 0,
        tokenWeighting: tokenWeighting)
    }
    return DistillationObjective(
      divergence, temperature: temperature.value(at: position),
      hardLabelWeight: hardLabelWeight.value(at: position), softLabelWeight: softLabelWeight?.value(at: position),
      logitsMSEWeight: logitsMSEWeight.value(at: position), tokenWeighting: tokenWeighting)
  }

  /// Whether a few tokens of each of the teacher's distributions are enough at every step.
  var takesSparseTeachers: Bool {
    divergences.count == 1 && divergences[0].weight == 1 && divergences[0].divergence.sparse != nil
      && tokenWeighting == .uniform
  }

  /// Whether the divergence, or the difference of the logits, counts at every step. A run without a text, which learns
  /// from samples alone, must have a teacher in all of them.
  public var asksTeacherAtEveryStep: Bool {
    func isAlwaysAbove0(_ weight: Schedule) -> Bool { weight.bounds.lowerBound > 0 }
    let softCounts = softLabelWeight.map(isAlwaysAbove0) ?? (hardLabelWeight.bounds.upperBound < 1)
    return distilledSteps == .all
      && (softCounts && divergences.contains { isAlwaysAbove0($0.weight) } || isAlwaysAbove0(logitsMSEWeight))
  }

  /// Whether a step depends on how many there are: then a run cannot be lengthened.
  public var dependsOnTotalSteps: Bool {
    let schedules = [temperature, hardLabelWeight, softLabelWeight ?? 0, logitsMSEWeight] + divergences.map(\.weight)
    return distilledSteps.dependsOnTotalSteps || schedules.contains { !$0.isConstant }
  }
}
