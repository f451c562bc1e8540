import ArgumentParser

/// A command some of whose options need others beside them.
protocol OptionGroups {
  /// Options by their names, without dashes, and what each of them needs.
  static var needs: [String: [String]] { get }
}

/// Options that are missing from a call: all of them, so that nobody is told of one after the other.
struct MissingOptions: Error, CustomStringConvertible {
  let description: String

  /// Throws where the options that `arguments` have need others. `command` is what they were parsed to; nil where that
  /// failed, and then a call that lacks none of what its command demands in any case is passed over.
  static func refuse(_ arguments: [String], parsedTo command: (any ParsableCommand)?) throws(Self) {
    // a call for help has none of the groups
    if let command, !(command is any OptionGroups) { return }
    guard let (path, rest) = try? MistypedWord.path(arguments) else { return }
    let options = OptionDescription.all(of: path)
    let given = OptionDescription.given(in: rest, options)
    let demanded = options.filter { $0.isDemanded && !given.contains($0.name) }.map(\.name)
    if command == nil, demanded.isEmpty { return }
    let needs = (path.last as? any OptionGroups.Type)?.needs ?? [:]
    let lacking = given.lazy.map { flag in (flag, needed: (needs[flag] ?? []).filter { !given.contains($0) }) }
      .first { !$0.needed.isEmpty }
    var text: String
    switch (demanded.isEmpty, lacking) {
    case (true, nil): return
    case (true, let (flag, needed)?): text = "--\(flag): expected \(list(needed)) beside it, found none"
    case (false, let lacking):
      text = "\(list(demanded)) \(demanded.count == 1 ? "is" : "are") missing"
      if let (flag, needed) = lacking { text += "; --\(flag) needs \(list(needed)) as well" }
    }
    let command = path.map { $0._commandName }.joined(separator: " ")
    text += "\n  See '\(command) --help' for more information."
    throw Self(description: text)
  }

  /// `--a`, `--a and --b`, `--a, --b and --c`.
  static func list(_ names: [String]) -> String {
    let flags = names.map { "--\($0)" }
    guard let last = flags.last, flags.count > 1 else { return flags.joined() }
    return flags.dropLast().joined(separator: ", ") + " and " + last
  }
}
