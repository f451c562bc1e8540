public import Diagnostics

extension ScheduledObjective {
  /// Throws for the first value that makes no sense at some step of a run; keys are spelt as on the command line.
  public func validate() throws(InvalidValue) {
    guard temperature.isFinite, temperature.bounds.lowerBound >= 0.05 else {
      throw InvalidValue("temperature", expected: "a number of at least 0.05", found: "\(temperature)")
    }
    try hardLabelWeight.requireWeight("hard-label-weight", atMost: softLabelWeight == nil ? 1 : nil)
    try softLabelWeight?.requireWeight("soft-label-weight")
    try logitsMSEWeight.requireWeight("logits-mse-weight")
    for term in divergences { try term.weight.requireWeight("weight of a divergence") }
  }
}

extension Schedule {
  /// Throws for a weight that is negative, above the limit or no finite number at some step; `key` is its name.
  func requireWeight(_ key: String, atMost limit: Float? = nil) throws(InvalidValue) {
    guard isFinite, bounds.lowerBound >= 0, bounds.upperBound <= limit ?? .infinity else {
      throw InvalidValue(
        key, expected: limit.map { "a number from 0 to \(Int($0))" } ?? "a number from 0", found: "\(self)")
    }
  }

  fileprivate var isFinite: Bool { start.isFinite && end.isFinite }
}
