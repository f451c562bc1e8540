import ArgumentParser
import Diagnostics

/// A subcommand or an option that does not exist.
struct MistypedWord: Error, CustomStringConvertible {
  private let word, advice: String
  /// The command that it was given to: `limbeck tokenizer`.
  private let command: String

  private init(_ word: String, _ advice: String, to path: [any ParsableCommand.Type]) {
    self.word = word
    self.advice = advice
    command = path.map { $0._commandName }.joined(separator: " ")
  }

  var description: String {
    "unknown \(word)\(advice)\n  See '\(command) --help' for more information."
  }

  /// Throws where `arguments` name a subcommand that does not exist, as in `limbeck distil` and `limbeck help distil`.
  static func refuseSubcommand(_ arguments: [String]) throws(Self) { _ = try path(arguments) }

  /// Throws where `arguments` have an option that does not exist. What else is wrong with a call may follow from that.
  static func refuseOption(_ arguments: [String]) throws(Self) {
    let (path, rest) = try path(arguments)
    let options = OptionDescription.all(of: path)
    for name in OptionDescription.given(in: rest, options) where !options.contains(where: { $0.name == name }) {
      throw Self(
        "option '--\(name)'", NearestName.advice(for: name, among: options.map(\.name), prefix: "--"), to: path)
    }
  }

  /// The command that is called, with those that it is a subcommand of, and its arguments.
  static func path(
    _ arguments: [String]
  ) throws(Self) -> (path: [any ParsableCommand.Type], rest: ArraySlice<String>) {
    var path: [any ParsableCommand.Type] = [Limbeck.self]
    var rest = arguments[...]
    if rest.first == "help" { rest.removeFirst() }
    while let word = rest.first, !word.hasPrefix("-"), let command = path.last {
      let subcommands = command.configuration.subcommands
      if subcommands.isEmpty { break }
      guard let next = subcommands.first(where: { $0._commandName == word }) else {
        let names = subcommands.map { $0._commandName }
        throw Self("subcommand '\(word)'", NearestName.advice(for: word, among: names), to: path)
      }
      path.append(next)
      rest.removeFirst()
    }
    return (path, rest)
  }
}
