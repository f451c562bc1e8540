public import Diagnostics
public import DurableFiles
public import Foundation
public import Tokenization

/// What can be wrong with a request to write completions of prompts to a file.
public enum CompletionError: Error, Sendable {
  /// A way of generating or filtering that cannot be.
  case value(InvalidValue)
  /// A file of prompts cannot be read, or one of completions not be written.
  case file(FileError)
  /// A file of prompts has none.
  case noPrompts(file: String, field: String)
  /// A row is no JSON object with a prompt; lines count from 1, and `found` says what it is or has.
  case malformedPrompt(file: String, line: Int, field: String, found: String)
  /// The text that prompts are in, or were to be cut from, cannot be read.
  case text(TokenizationError)
  /// The text that prompts were to be cut from is shorter than one.
  case textTooShort(text: String, tokens: Int, promptLength: Int)
  /// A prompt whose tokens, BOS included, leave no place in the model's context.
  case promptTooLong(prompt: String, tokens: Int, contextLength: Int)
  /// An empty prompt where the tokenizer has no BOS to start from.
  case emptyPrompt(prompt: String)
  /// A record lacks the field, or the field lacks the answer, that its completions would be compared with.
  case noReference(prompt: String, field: String, pattern: String?)
  /// Something stands already where the completions were to be written.
  case outputExists(file: String)
  /// There is nothing to go on with.
  case notBegun(file: String)
  /// The file was begun with another setting.
  case settingDiffers(file: String, setting: String, begun: String, now: String)
  /// The file is complete.
  case alreadyFinished(file: String, completions: Int)
  /// The file, or the record of its progress, was changed by someone else.
  case damaged(file: String, reason: String)
  /// No completion passed the filters; how many each of them refused.
  case nothingKept(completions: Int, refused: [String: Int])
  /// What the generator says.
  case generation(GenerationError)
}

extension CompletionError: CustomStringConvertible, LocalizedError {
  /// One line for the user: the cause, what was expected and found, and what to do.
  public var description: String {
    switch self {
    case .value(let error):
      error.description
    case .file(let error):
      error.description
    case .noPrompts(let file, let field):
      "\(file): expected one prompt a line, or JSON Lines with the key \(field), found none"
    case .malformedPrompt(let file, let line, let field, let found):
      "\(file), line \(line): expected an object with a text under the key \"\(field)\", found \(found); name another "
        + "key with --prompt-field"
    case .text(let error):
      error.description
    case .textTooShort(let text, let tokens, let promptLength):
      "\(text): expected a document of more than \(counted(promptLength, "token")), to cut a prompt from, "
        + "found at most \(tokens); give more text or shorter prompts"
    case .promptTooLong(let prompt, let tokens, let contextLength):
      "\(prompt): expected at most \(counted(contextLength - 1, "token")), one less than the model's context of "
        + "\(contextLength), found \(tokens); shorten the prompt or take it out"
    case .emptyPrompt(let prompt):
      "\(prompt): the prompt is empty, and the tokenizer has no BOS to start from; give it some text"
    case .noReference(let prompt, let field, nil):
      "\(prompt): expected a text under the key \(field), to compare completions with, found none; check --reference, "
        + "or take the record out"
    case .noReference(let prompt, let field, let pattern?):
      "\(prompt): expected a match of \(pattern) in \(field), found none, so that no completion could be kept; check "
        + "--keep-matching, or take the record out"
    case .outputExists(let file):
      "\(file): exists already and will not be overwritten; give another --output, or --resume to go on with it"
    case .notBegun(let file):
      "\(file): no such file that could be gone on with; start without --resume"
    case .settingDiffers(let file, let setting, let begun, let now):
      "\(file): \(Self.flag(setting)): expected \(begun), as when the file was begun, found \(now); give the same, or "
        + "another --output"
    case .alreadyFinished(let file, let completions):
      "\(file): is finished, with \(counted(completions, "completion")) in all; there is nothing to go on with"
    case .damaged(let file, let reason):
      "\(file): cannot be gone on with: \(reason); start anew with another --output"
    case .nothingKept(let completions, let refused):
      "none of \(counted(completions, "completion")) was kept: "
        + refused.sorted { $0.key < $1.key }.map { "\(Self.flag($0.key)) refused \($0.value)" }.joined(separator: ", ")
        + "; loosen the filters, or sample more"
    case .generation(let error):
      error.description
    }
  }

  /// The command's flag that a setting or a filter belongs to: `--max-tokens` of `max_tokens`.
  public static func flag(_ setting: String) -> String { "--" + setting.replacing("_", with: "-") }

  /// The same text as `description`.
  public var errorDescription: String? { description }
}
