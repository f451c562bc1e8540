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

  /// Those that ArgumentParser adds by itself.
  private static let builtIn = ["help", "version", "generate-completion-script", "experimental-dump-help"]
    .map { Self(name: $0, valueName: "", takesAnyValue: false, values: []) }

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

    var options: [OptionDescription] {
      (names ?? []).map {
        OptionDescription(
          name: $0.name, valueName: kind == "option" ? valueName ?? "" : "",
          takesAnyValue: kind == "option" && parsingStrategy == "unconditional", values: allValues ?? [])
      }
    }
  }

  private struct Name: Decodable { let name: String }
}
