import ArgumentParser
import Diagnostics

extension ValidationError {
  /// The error for a flag's value; its key is the flag without the dashes.
  init(_ value: InvalidValue) { self.init("--\(value)") }

  /// The error for a flag that is given without another one, which it belongs to; both are without their dashes.
  init(_ flag: String, needs other: String) { self.init(flag, expected: "--\(other) beside it", found: "none") }

  /// The error for the value of a flag; `flag` is without its dashes.
  init(_ flag: String, expected: String, found: some Any) {
    self.init(InvalidValue(flag, expected: expected, found: "\(found)"))
  }

  /// Refuses an empty path for a flag, which would mean the current folder.
  static func requirePath(_ path: String, _ flag: String) throws {
    guard !path.isEmpty else { throw ValidationError(flag, expected: "a path", found: "an empty one") }
  }
}
