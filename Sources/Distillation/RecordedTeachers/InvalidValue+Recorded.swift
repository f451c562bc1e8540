import Diagnostics

extension InvalidValue {
  /// The error for a file without a distribution.
  static func noDistributions(in path: String) -> InvalidValue {
    InvalidValue(path, "distributions", expected: "one or more", found: "none")
  }

  /// The error for a sequence length that would cut what a teacher read as a whole.
  static func sequenceLength(_ length: Int, below least: Int, of path: String) -> InvalidValue {
    InvalidValue(
      "sequence-length", expected: "at least \(least), the longest text in \(path)", found: "\(length)")
  }
}
