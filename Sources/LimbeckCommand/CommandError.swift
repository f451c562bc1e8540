/// What can be wrong with what the user asks of the command, where no module has an error of its own.
enum CommandError: Error, Equatable {
  /// Standard output cannot be written.
  case unwritableOutput(reason: String)
  /// A file that the user named cannot be read.
  case unreadable(file: String, reason: String)
  /// Text that is not UTF-8.
  case notUTF8(file: String)
  /// A token id on the command line or standard input that is none.
  case notATokenID(text: String, vocabularySize: Int)
  /// A tokenizer that is not the one of the model that it was given for.
  case anotherTokenizer(file: String, model: String)
  /// A student with another number of outputs than its teacher.
  case vocabulariesDiffer(student: String, expected: Int, found: Int)
  /// A text of which one token counts, or none.
  case nothingToMeasure(text: String, tokens: Int)
  /// What was to be created stands there already.
  case outputExists(path: String, advice: String)
  /// A run that was to be gone on with has come to its end.
  case runFinished(folder: String, subcommand: String)
  /// A folder without a run.json.
  case notARun(folder: String)
  /// A control that learnt from a teacher.
  case notAControl(folder: String)
  /// A model whose tokenizer is not that of another one; both are named.
  case unlikeTokenizer(String)
  /// A path in the recipe of a run that is not there, or not any more; `flag` gives another one.
  case recordedPathMissing(recipe: String, key: String, path: String, flag: String)
  /// Two recipes that give different values where one is needed; `flag` chooses.
  case recordsDiffer(first: String, second: String, key: String, flag: String)
  /// A recipe with more teachers than a report can compare with.
  case severalTeachers(recipe: String, paths: [String])
  /// A teacher whose weights are not those that a run learnt from.
  case teacherChanged(recipe: String, teacher: String)
  /// The server, of a build that has none.
  case withoutServer
}

extension CommandError: CustomStringConvertible {
  var description: String {
    switch self {
    case .unwritableOutput(let reason):
      "standard output: cannot be written: \(reason)"
    case .unreadable(let file, let reason):
      "\(file): cannot be read: \(reason)"
    case .notUTF8(let file):
      "\(file): expected UTF-8 text, found other bytes; convert it, for example with iconv"
    case .notATokenID(let text, let vocabularySize):
      "\"\(text)\" is not a token id; expected 0 to \(vocabularySize - 1)"
    case .anotherTokenizer(let file, let model):
      "\(file): not the tokenizer of the model in \(model), which has one of its own; leave --tokenizer out"
    case .vocabulariesDiffer(let student, let expected, let found):
      "\(student): vocab_size: expected \(expected), the teacher's, found \(found); models with one tokenizer may have "
        + "more outputs than it has tokens, but both as many: make the student anew, from a config.json without "
        + "vocab_size or with limbeck student"
    case .nothingToMeasure(let text, let tokens):
      "\(text): expected at least 2 tokens that count, found \(tokens == 0 ? "none" : "\(tokens)"); give more text, or "
        + "count the prompts of rows with --count prompts"
    case .outputExists(let path, let advice):
      "\(path): exists already and will not be overwritten; \(advice)"
    case .runFinished(let folder, let subcommand):
      "\(folder): this run is finished and will not be overwritten; to train its model further: "
        + "limbeck \(subcommand) --continue \(folder.shellQuoted) --steps N --output NEW"
    case .notARun(let folder):
      "\(folder): expected the output folder of limbeck train or limbeck distill, but it has no run.json"
    case .notAControl(let folder):
      "--control: expected a run of limbeck train, found one of limbeck distill, \(folder)"
    case .unlikeTokenizer(let difference): difference
    case .recordedPathMissing(let recipe, let key, let path, let flag):
      "\(recipe): \(key): no such file or folder: \(path), seen from the current folder; give its place with \(flag)"
    case .recordsDiffer(let first, let second, let key, let flag):
      "\(first) and \(second) differ in \(key), of which one is needed here; choose it with \(flag)"
    case .severalTeachers(let recipe, let paths):
      "\(recipe): teacher: \(paths.count) teachers, but a report compares with one; choose it with --teacher"
    case .teacherChanged(let recipe, let teacher):
      "\(recipe): teacher: the weights in \(teacher) are not those that the run learnt from; give the right folder, or "
        + "this one all the same, with --teacher"
    case .withoutServer:
      "this limbeck was built without its server; build one with it: swift build -c release --traits Server"
    }
  }
}
