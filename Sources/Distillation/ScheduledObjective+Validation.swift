public import Diagnostics

extension ScheduledObjective {
  /// Throws for the first value that makes no sense at some step of a run; keys are spelt as on the command line.
  public func validate() throws(InvalidValue) {
    guard temperature.isFinite, temperature.bounds.lowerBound >= 0.05 else {
      throw InvalidValue("temperature", expected: "a number of at least 0.05", found: "\(temperature)")
    }
    try Self.requireWeight("hard-label-weight", hardLabelWeight, atMost: softLabelWeight == nil ? 1 : nil)
    try Self.requireWeight("soft-label-weight", softLabelWeight ?? 0)
    try Self.requireWeight("logits-mse-weight", logitsMSEWeight)
    for term in divergences { try Self.requireWeight("weight of a divergence", term.weight) }
  }

  private static func requireWeight(
    _ key: String, _ weight: Schedule, atMost limit: Float? = nil
  ) throws(InvalidValue) {
    guard weight.isFinite, weight.bounds.lowerBound >= 0, weight.bounds.upperBound <= limit ?? .infinity else {
      throw InvalidValue(
        key, expected: limit.map { "a number from 0 to \(Int($0))" } ?? "a number from 0", found: "\(weight)")
    }
  }
}

extension Schedule {
  fileprivate var isFinite: Bool { start.isFinite && end.isFinite }
}
