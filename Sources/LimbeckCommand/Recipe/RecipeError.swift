import Diagnostics
import DurableFiles
import Yams

/// What can be wrong with the settings of a run.
enum RecipeError: Error, Equatable {
  /// What is wrong with the file as such.
  case file(FileError)
  case invalidYAML(file: String, line: Int?, reason: String)
  /// A key that is none, and the one that may be meant.
  case unknownKey(file: String, line: Int, key: String, nearest: String?)
  /// A recipe of `limbeck distill` where one of `limbeck train` is needed.
  case recipeOfDistillation(file: String)
  /// A recipe of `limbeck train` where one of `limbeck distill` is needed.
  case recipeOfTraining(file: String)
  /// A run of one subcommand that another one is to go on with; `advice` is what to call.
  case runOfAnotherSubcommand(run: String, expected: String, found: String, advice: String)
  /// A value in the file.
  case value(InvalidValue)
  /// A value of a flag.
  case flag(InvalidValue)
  /// Neither flags nor the recipe give what a run cannot do without.
  case missing(keys: [String])

  /// What Yams says of a file.
  init(_ error: any Error, file: String) {
    self =
      switch error {
      case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
        YamlError.composer(_, let problem, let mark, _):
        .invalidYAML(file: file, line: mark.line, reason: problem)
      case YamlError.duplicatedKeysInMapping(let keys, let context):
        .invalidYAML(file: file, line: context.mark.line, reason: "given twice: \(keys.joined(separator: ", "))")
      case YamlError.reader(let problem, _, _, _):
        .invalidYAML(file: file, line: nil, reason: problem)
      default:
        .invalidYAML(file: file, line: nil, reason: "\(error)")
      }
  }
}

extension RecipeError {
  /// Whether the command was called wrongly, rather than given a wrong file.
  var isUsage: Bool {
    switch self {
    case .flag, .missing: true
    default: false
    }
  }
}

extension RecipeError: CustomStringConvertible {
  var description: String {
    switch self {
    case .file(let error): error.description
    case .invalidYAML(let file, let line, let reason):
      "\(file)\(line.map { ", line \($0)" } ?? ""): not a recipe: \(reason)"
    case .unknownKey(let file, let line, let key, let nearest):
      "\(file), line \(line): unknown key \"\(key)\"; "
        + (Renamed.flags[key].map { "it is called \($0) now" } ?? nearest.map { "did you mean \"\($0)\"?" }
          ?? "keys are the names of this subcommand's flags, such as batch-size; --help lists them")
    case .recipeOfDistillation(let file):
      "\(file): expected a recipe of limbeck train, found one of limbeck distill; for the same student without the "
        + "teacher: limbeck train --control-of RUN --output NEW"
    case .recipeOfTraining(let file):
      "\(file): expected a recipe of limbeck distill, found one of limbeck train; give the teacher and the student as "
        + "flags"
    case .runOfAnotherSubcommand(let run, let expected, let found, let advice):
      "\(run): expected a run of limbeck \(expected), found one of limbeck \(found); \(advice)"
    case .value(let error), .flag(let error): error.description
    case .missing(let keys):
      keys.count == 1
        ? "--\(keys[0]) is missing; give the flag, or the key \(keys[0]) in a recipe"
        : "\(MissingOptions.list(keys)) are missing; give the flags, or these keys in a recipe"
    }
  }
}
