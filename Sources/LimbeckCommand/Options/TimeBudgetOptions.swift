import ArgumentParser

/// How long a distillation may take that chooses everything itself.
struct TimeBudgetOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      Choose everything but teacher and text, by what is measured on this machine, for so much time in all: 30m, 2h, \
      90s. Beside it only --validation-text or --validation-share (default: 0.05), --seed (default: 1), --threads, \
      --backend and --json.
      """, valueName: "time"))
  var budget: TimeBudget?

  private static let companions: Set = [
    "teacher", "text", "validation-text", "validation-share", "output", "seed", "threads", "backend", "json",
  ]

  /// Throws where a call has a budget and an option that it chooses.
  func requireAlone(_ arguments: [String]) throws {
    guard budget != nil, let (path, rest) = try? MistypedWord.path(arguments) else { return }
    let given = OptionDescription.given(in: rest, OptionDescription.all(of: path))
    guard let other = given.first(where: { $0 != "budget" && !Self.companions.contains($0) }) else { return }
    throw ValidationError(other, expected: "nothing with --budget, which chooses it", found: "given")
  }
}

/// A time: `30m`, `1.5h`, `90s`, `1h30m`.
struct TimeBudget: ExpressibleByArgument, Equatable {
  let seconds: Double
  /// As it was given.
  let defaultValueDescription: String

  /// nil where it is no time from a second to a year.
  init?(argument: String) {
    var (rest, total) = (Substring(argument), 0.0)
    repeat {
      let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      let unit = rest.dropFirst(digits.count).first
      let units: [Character: Double] = ["s": 1, "m": 60, "h": 3_600]
      guard let number = Double(digits), let unit, let factor = units[unit] else { return nil }
      total += number * factor
      rest = rest.dropFirst(digits.count + 1)
    } while !rest.isEmpty
    guard (1...365 * 86_400.0).contains(total) else { return nil }
    (seconds, defaultValueDescription) = (total, argument)
  }

  static var allValueStrings: [String] { ["a time from 1s to a year, such as 30m, 2h or 90s"] }
}
