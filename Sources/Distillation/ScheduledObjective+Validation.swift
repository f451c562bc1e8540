public import Diagnostics

extension ScheduledObjective {
  /// Throws for the first value that makes no sense at some step of a run; keys are spelt as on the command line.
  public func validate() throws(InvalidValue) {
    try temperature.requireTemperature()
    try hardLabelWeight.requireWeight("hard-label-weight", atMost: softLabelWeight == nil ? 1 : nil)
    try softLabelWeight?.requireWeight("soft-label-weight")
    try logitsMSEWeight.requireWeight("logits-mse-weight")
    for term in divergences { try term.weight.requireWeight("divergence") }
    try distilledSteps.validate()
  }
}

extension DistilledSteps {
  /// Throws where there is no such number of steps; keys are spelt as on the command line.
  func validate() throws(InvalidValue) {
    switch self {
    case .all: break
    case .first(let count): try count.validate("distil-first")
    case .last(let count): try count.validate("distil-last")
    }
  }
}

extension DistilledSteps.Count {
  fileprivate func validate(_ key: String) throws(InvalidValue) {
    let makesSense =
      switch self {
      case .steps(let count): count >= 1
      case .share(let share): share > 0 && share <= 1
      }
    guard makesSense else {
      throw InvalidValue(
        key, expected: "a number of steps from 1, or a share above 0% and up to 100%", found: "\(self)")
    }
  }
}

extension DistillationObjective {
  /// The temperatures at which value and gradient keep their digits in float32: below, quotients of logits overflow;
  /// above, what is left of two distributions' difference is rounding.
  public static let allowedTemperatures: ClosedRange<Float> = 0.05...10_000
  /// The weights of terms: above, gradients overflow in float32.
  public static let allowedWeights: ClosedRange<Float> = 0...1_000_000
}

extension Schedule {
  /// Throws for a temperature that is not allowed at some step.
  func requireTemperature() throws(InvalidValue) {
    let allowed = DistillationObjective.allowedTemperatures
    guard isFinite, bounds.lowerBound >= allowed.lowerBound else {
      throw InvalidValue("temperature", expected: "a number of at least \(allowed.lowerBound)", found: "\(self)")
    }
    guard bounds.upperBound <= allowed.upperBound else {
      throw InvalidValue(
        "temperature", expected: "at most \(Int(allowed.upperBound))", found: "\(self)",
        advice: "above it both distributions are the same in float32, and the divergence is rounding alone")
    }
  }

  /// Throws for a weight that is negative, above the limit or no finite number at some step; `key` is its name.
  func requireWeight(_ key: String, atMost limit: Float? = nil) throws(InvalidValue) {
    guard isFinite, bounds.lowerBound >= 0, bounds.upperBound <= limit ?? .infinity else {
      throw InvalidValue(
        key, expected: limit.map { "a number from 0 to \(Int($0))" } ?? "a number from 0", found: "\(self)")
    }
    let most = DistillationObjective.allowedWeights.upperBound
    guard bounds.upperBound <= most else {
      throw InvalidValue(
        key, expected: "a weight of at most \(Int(most))", found: "\(self)",
        advice: "gradients would overflow in float32")
    }
  }

  fileprivate var isFinite: Bool { start.isFinite && end.isFinite }
}
