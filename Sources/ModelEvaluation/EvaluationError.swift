public import Diagnostics
public import Foundation

/// What can be wrong with a request to evaluate models.
public enum EvaluationError: Error, Equatable, Sendable {
  /// A text without any token.
  case emptyText
  /// A text of which no token counts.
  case nothingCounted
  /// A text of one token that counts, of which no standard error can be told.
  case tooFewTokens(found: Int)
  /// A window, stride or batch size that cannot be, or a student with another number of outputs than the teacher.
  case value(InvalidValue)
  /// Neither the tokenizer nor the model's configuration has a token that begins a text.
  case noBeginningToken
  /// A token that `model` does not have; `position` counts the tokens of the text from 0 and is `nil` for BOS.
  case tokenOutsideVocabulary(model: String, id: Int32, position: Int?, vocabularySize: Int)
  /// A statistic of one token is NaN or infinite; `position` counts the tokens of the text from 0.
  case notFinite(model: String, quantity: String, value: Double, position: Int)
}

extension EvaluationError: CustomStringConvertible, LocalizedError {
  /// One line for the user: the cause, what was expected and found, and what to do.
  public var description: String {
    switch self {
    case .emptyText:
      "the text is empty: there is nothing to evaluate on"
    case .nothingCounted:
      "expected tokens of the text that count, found none"
    case .tooFewTokens(let found):
      "the text has \(found) token that counts, but at least 2 are needed for a standard error"
    case .value(let error):
      error.description
    case .noBeginningToken:
      "expected a token to begin windows with, BOS of the tokenizer or bos_token_id or eos_token_id in config.json, "
        + "found none; add the id of a token that stands before texts to config.json"
    case .tokenOutsideVocabulary(let model, let id, let position, let vocabularySize):
      (position.map { "token \($0) of the text" } ?? "BOS")
        + " has the id \(id), but \(model) has ids from 0 to \(vocabularySize - 1); "
        + "was the text encoded with its tokenizer?"
    case .notFinite(let model, let quantity, let value, let position):
      "\(model): the \(quantity) of token \(position) of the text is \(value); the model's weights are damaged, its "
        + "training diverged, or it rules the token out"
    }
  }

  /// The same text as `description`.
  public var errorDescription: String? { description }
}
