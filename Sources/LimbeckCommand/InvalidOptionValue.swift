import ArgumentParser
import Diagnostics

/// An option's value that cannot be read: ArgumentParser's message, in the word order of all other errors.
enum InvalidOptionValue {
  /// The same message as `text` if it is about an option's value; else `text`. `arguments` are those of the call.
  static func reworded(_ text: String, _ arguments: [String]) -> String {
    guard let match = text.firstMatch(of: /^Error: The value '(?<value>.*)' is invalid for '--(?<name>[a-z0-9-]+)/),
      let options = try? OptionDescription.all(of: MistypedWord.path(arguments).path),
      let option = options.first(where: { $0.name == match.name })
    else { return text }
    let value = InvalidValue(
      "--\(option.name)", expected: expectation(option), found: "\"\(match.value)\"",
      advice: NearestName.nearest(to: String(match.value), among: names(option)).map { "did you mean '\($0)'?" })
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    return (["Error: \(value)"] + lines.drop { !$0.hasPrefix("Help:") && !$0.hasPrefix("Usage:") })
      .joined(separator: "\n")
  }

  private static func expectation(_ option: OptionDescription) -> String {
    if !option.values.isEmpty { return "one of " + option.values.joined(separator: ", ") }
    let kinds = option.valueName.split(separator: "|").map { kind in
      ["n", "k"].contains(kind) ? "a whole number" : kind.count == 1 ? "a number" : String(kind)
    }
    return kinds.joined(separator: " or ")
  }

  /// The values that are names: "jensen-shannon" of "jensen-shannon[:0.5]".
  private static func names(_ option: OptionDescription) -> [String] {
    option.values.filter { !$0.contains(" ") }.map { String($0.prefix { $0 != "[" && $0 != ":" }) }
  }
}
