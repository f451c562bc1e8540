public import Diagnostics
public import DurableFiles
public import Foundation

/// What can be wrong with tokenizers, text and token files. Every case carries the data it speaks of; every text names
/// the file, what was expected, what was found, and where it helps what to do.
public enum TokenizationError: Error, Equatable, Sendable {
  /// A file as such: missing, unreadable, a full disk.
  case file(FileError)
  /// An option of tokenizer training has a value that cannot be.
  case value(InvalidValue)
  /// A tokenizer's file is damaged, or is none of the kind called `format`.
  case corruptTokenizer(file: String, format: String, reason: String)
  /// A tokenizer's file is sound but needs what Limbeck does not do.
  case unsupportedTokenizer(file: String, format: String, reason: String)
  /// Two tokenizers that had to be the same are not.
  case tokenizersDiffer(TokenizerDifference)
  /// libsentencepiece refused to train; `reason` is its own message.
  case trainingFailed(reason: String)
  /// Text that is not UTF-8. `byteOffset` counts from 0, `line` from 1.
  case notUTF8(file: String, byteOffset: Int, line: Int)
  /// A file, or all files together, without any text.
  case emptyText(file: String)
  /// A file that is clearly no text, such as a compressed one; `advice` says what to do.
  case notText(file: String, found: String, advice: String)
  /// A folder without text files, or no path at all.
  case noTextFiles(folder: String, leftOut: [LeftOutFile])
  /// A row of JSON that is not what it should be. `line`, where it begins or is damaged, counts from 1.
  case malformedJSONLine(file: String, line: Int, reason: String)
  /// The folder for token files cannot be made or written to.
  case cacheFolder(folder: String, reason: String)
  /// A token file that is damaged: truncated, another format, or with ids that its tokenizer does not have.
  case corruptTokenFile(file: String, reason: String)
  /// A token file that was made with another tokenizer.
  case tokenFileOfAnotherTokenizer(file: String, expected: TokenizerDigest, found: TokenizerDigest)
}

extension TokenizationError: CustomStringConvertible, LocalizedError {
  /// One line for the user: the file, the cause, and where it helps the remedy.
  public var description: String {
    switch self {
    case .file(let error): error.description
    case .value(let error): error.description
    case .corruptTokenizer(let file, let format, let reason):
      "\(file): not a sound \(format) model: \(reason); fetch or train it again"
    case .unsupportedTokenizer(let file, let format, let reason):
      "\(file): this \(format) model cannot be used: \(reason)"
    case .tokenizersDiffer(let difference):
      difference.description
    case .trainingFailed(let reason):
      "tokenizer training failed: \(reason)"
    case .notUTF8(let file, let byteOffset, let line):
      "\(file): expected UTF-8 text, found another byte at offset \(byteOffset) (line \(line)); "
        + "convert it, for example with iconv"
    case .emptyText(let file):
      "\(file): expected some text, found it empty"
    case .notText(let file, let found, let advice):
      "\(file): expected text in UTF-8, found \(found); \(advice)"
    case .noTextFiles(let folder, let leftOut):
      "\(folder): expected files that end in "
        + TextSource.folderExtensions.map { ".\($0)" }.joined(separator: ", ") + ", found none"
        + (leftOut.first.map { "; left out: \($0.path): \($0.reason)" } ?? "")
        + (leftOut.count > 1 ? "; and \(leftOut.count - 1) more" : "")
    case .malformedJSONLine(let file, let line, let reason):
      "\(file), line \(line): \(reason)"
    case .cacheFolder(let folder, let reason):
      "\(folder): token files cannot be written there: \(reason); name another folder with the environment variable "
        + TokenCache.variable
    case .corruptTokenFile(let file, let reason):
      "\(file): damaged token file: \(reason); delete it, and it is made again from the text"
    case .tokenFileOfAnotherTokenizer(let file, let expected, let found):
      "\(file): made with another tokenizer: expected digest \(expected), found \(found); "
        + "delete it, and it is made again from the text"
    }
  }

  /// The same text as `description`.
  public var errorDescription: String? { description }
}

extension TokenizationError {
  /// Runs `body`; throws `file` for what is wrong with a file as such.
  static func wrapping<Result: ~Copyable>(
    _ body: () throws(FileError) -> Result
  ) throws(TokenizationError) -> Result {
    do throws(FileError) { return try body() } catch { throw .file(error) }
  }
}
