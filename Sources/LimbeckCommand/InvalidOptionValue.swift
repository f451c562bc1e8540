import ArgumentParser
import Diagnostics

/// Errors about an option's value: ArgumentParser's messages in the word order of all others, and the library's with
/// the option spelt as the user typed it.
enum InvalidOptionValue {
  /// The same message as `text` if it is about a value that cannot be read; else `text`. `arguments` are those of the
  /// call.
  static func reworded(_ text: String, _ arguments: [String]) -> String {
    guard let match = text.firstMatch(of: /^Error: The value '(?<value>.*)' is invalid for '--(?<name>[a-z0-9-]+)/),
      let option = options(of: arguments).first(where: { $0.name == match.name })
    else { return text }
    let value = InvalidValue(
      "--\(option.name)", expected: expectation(option), found: "\"\(match.value)\"",
      advice: advice(for: String(match.value), among: option.values))
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    return (["Error: \(value)"] + lines.drop { !$0.hasPrefix("Help:") && !$0.hasPrefix("Usage:") })
      .joined(separator: "\n")
  }

  /// The library's message about a value that it names by its key, such as `count: expected …`: with the dashes where
  /// the key is an option of the command that is called.
  static func named(_ text: String, _ arguments: [String]) -> String {
    guard let match = text.prefixMatch(of: /([a-z][a-z0-9-]*): expected\s/),
      options(of: arguments).contains(where: { $0.name == match.1 })
    else { return text }
    return "--" + text
  }

  /// The values that an option may have, as errors list them: a choice of names, or a description of each kind.
  static func expectation(of values: [String]) -> String {
    if values.first?.contains(" ") == true, let last = values.last {
      return values.count == 1 ? last : values.dropLast().joined(separator: ", ") + " or " + last
    }
    return "one of " + values.joined(separator: ", ")
  }

  /// "did you mean", where one of the values is a name near to `text`: "jensen-shannon" of "jensen-shannon[:0.5]".
  static func advice(for text: String, among values: [String]) -> String? {
    let names = values.map { String($0.prefix { $0 != "[" }) }.filter { !$0.contains(" ") && !$0.contains(":") }
    return NearestName.nearest(to: text, among: names).map { "did you mean '\($0)'?" }
  }

  private static func options(of arguments: [String]) -> [OptionDescription] {
    (try? MistypedWord.path(arguments)).map { OptionDescription.all(of: $0.path) } ?? []
  }

  private static func expectation(_ option: OptionDescription) -> String {
    if !option.values.isEmpty { return expectation(of: option.values) }
    let kinds = option.valueName.split(separator: "|").map { kind in
      ["n", "k", "id"].contains(kind) ? "a whole number" : kind.count == 1 ? "a number" : String(kind)
    }
    return kinds.joined(separator: " or ")
  }
}
