import ArgumentParser
import Diagnostics

extension ValidationError {
  /// The error for a flag's value; its key is the flag without the dashes.
  init(_ value: InvalidValue) { self.init("--\(value)") }

  /// The error for the value of a flag; `flag` is without its dashes.
  init(_ flag: String, expected: String, found: some Any) {
    self.init(InvalidValue(flag, expected: expected, found: "\(found)"))
  }
}
