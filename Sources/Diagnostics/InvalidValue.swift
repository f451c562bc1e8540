/// A value from outside that Limbeck cannot take: of a flag, a file's key, a configuration.
///
/// Its text is one sentence, in one word order everywhere: `place: key: expected X, found Y; advice`.
public struct InvalidValue: Error, Equatable, Sendable {
  /// Where the value stands: a file, a text, a model; empty where the key says it all.
  public let place: String
  /// The name of the value, as its place spells it: `vocab_size`, `--top-p`.
  public let key: String
  /// What was expected: "an integer from 1 to 8".
  public let expected: String
  /// What was found: "0".
  public let found: String
  /// What to do about it, where that is not plain from the rest.
  public let advice: String?

  /// An error about a value whose key says all, such as a flag.
  public init(_ key: String, expected: String, found: String, advice: String? = nil) {
    self.init("", key, expected: expected, found: found, advice: advice)
  }

  /// Makes an error; see the properties.
  public init(_ place: String, _ key: String, expected: String, found: String, advice: String? = nil) {
    self.place = place
    self.key = key
    self.expected = expected
    self.found = found
    self.advice = advice
  }
}

extension InvalidValue: CustomStringConvertible {
  /// One sentence for the user.
  public var description: String {
    (place.isEmpty ? "" : "\(place): ") + "\(key): expected \(expected), found \(found)"
      + (advice.map { "; \($0)" } ?? "")
  }
}
