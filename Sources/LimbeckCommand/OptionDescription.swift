import ArgumentParser
import Foundation

/// An option or a flag of a command, as ArgumentParser describes it in JSON.
struct OptionDescription {
  /// The long name, without dashes.
  let name: String
  /// What stands for its value in help texts; empty for a flag.
  let valueName: String
  /// Whether the word after it is its value, whatever that looks like.
  let takesAnyValue: Bool
  /// The values it may have, where these are listed.
  let values: [String]
  /// Whether no call of its command may be without it.
  let isDemanded: Bool

  /// Those that ArgumentParser adds by itself.
  private static let builtIn = ["help", "version", "generate-completion-script", "experimental-dump-help"]
    .map { Self(name: $0, valueName: "", takesAnyValue: false, values: [], isDemanded: false) }

  /// All those of the last command of a path that begins with `limbeck`.
  static func all(of path: [any ParsableCommand.Type]) -> [Self] {
    guard var command = try? JSONDecoder().decode(Tool.self, from: Data(Limbeck._dumpHelp().utf8)).command else {
      return []
    }
    for next in path.dropFirst() {
      command = command.subcommands?.first { $0.commandName == next._commandName } ?? command
    }
    return (command.arguments ?? []).flatMap(\.options) + builtIn
  }

  /// The names of the options that a command's arguments have, known or not. A value that looks like an option is none.
  static func given(in arguments: ArraySlice<String>, _ options: [Self]) -> [String] {
    var names: [String] = []
    var words = arguments.makeIterator()
    while let word = words.next(), word != "--" {
      guard word.hasPrefix("--") else { continue }
      let name = String(word.dropFirst(2).prefix { $0 != "=" })
      names.append(name)
      if options.contains(where: { $0.name == name && $0.takesAnyValue }), !word.contains("=") { _ = words.next() }
    }
    return names
  }

  private struct Tool: Decodable { let command: Command }

  private struct Command: Decodable {
    let commandName: String
    let subcommands: [Command]?
    let arguments: [Argument]?
  }

  private struct Argument: Decodable {
    let kind, parsingStrategy: String
    let names: [Name]?
    let valueName: String?
    let allValues: [String]?
    let isOptional: Bool

    var options: [OptionDescription] {
      (names ?? []).map {
        OptionDescription(
          name: $0.name, valueName: kind == "option" ? valueName ?? "" : "",
          takesAnyValue: kind == "option" && parsingStrategy == "unconditional", values: allValues ?? [],
          isDemanded: kind == "option" && !isOptional)
      }
    }
  }

  private struct Name: Decodable { let name: String }
}
