/// What can be wrong with what the user asks of the command, where no library room has an error of its own.
enum CommandError: Error, Equatable {
  /// Standard output cannot be written.
  case unwritableOutput(reason: String)
  /// A file that the user named cannot be read.
  case unreadable(file: String, reason: String)
  /// Text that is not UTF-8.
  case notUTF8(file: String)
  /// A token id on the command line or standard input that is none.
  case notATokenID(text: String, vocabularySize: Int)
  /// A tokenizer that is not the one of the model folder it was given for.
  case anotherTokenizer(file: String, folder: String)
  /// A student with another number of outputs than its teacher.
  case vocabulariesDiffer(student: String, expected: Int, found: Int)
  /// What was to be created stands there already.
  case outputExists(path: String, advice: String)
  /// A library without which this machine cannot compute.
  case missingLibrary(String)
}

extension CommandError: CustomStringConvertible {
  var description: String {
    switch self {
    case .unwritableOutput(let reason):
      "standard output: cannot be written: \(reason)"
    case .unreadable(let file, let reason):
      "\(file): cannot be read: \(reason)"
    case .notUTF8(let file):
      "\(file): text must be UTF-8, but it is not; convert it, for example with iconv"
    case .notATokenID(let text, let vocabularySize):
      "\"\(text)\" is not a token id; expected 0 to \(vocabularySize - 1)"
    case .anotherTokenizer(let file, let folder):
      "\(file): not the tokenizer of the model in \(folder), which has a tokenizer.model of its own; leave --tokenizer out"
    case .vocabulariesDiffer(let student, let expected, let found):
      "\(student): vocab_size: expected \(expected), the teacher's, found \(found)"
    case .outputExists(let path, let advice):
      "\(path): exists already and will not be overwritten; \(advice)"
    case .missingLibrary(let text): text
    }
  }
}
