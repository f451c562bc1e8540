public import Diagnostics
public import Foundation
public import TextGeneration
public import Tokenization

/// What can be wrong with a task, or with answering it.
public enum TaskError: Error, Sendable {
  /// A row, a question or a number of tokens that cannot be.
  case value(InvalidValue)
  /// The file cannot be read, or has a row that is no JSON.
  case text(TokenizationError)
  /// Neither the tokenizer nor the model's configuration has a token that begins a text, and `place` has no other.
  case noBeginningToken(place: String)
  /// A log-likelihood that is NaN or infinite.
  case notFinite(place: String, choice: Int, value: Double)
  /// What the generator says.
  case generation(GenerationError)
}

extension TaskError: CustomStringConvertible, LocalizedError {
  /// One line for the user: the cause, what was expected and found, and what to do.
  public var description: String {
    switch self {
    case .value(let error): error.description
    case .text(let error): error.description
    case .noBeginningToken(let place):
      "\(place): expected a text before the choices, for neither the tokenizer nor config.json has a token to begin "
        + "with, found none"
    case .notFinite(let place, let choice, let value):
      "\(place): the log-likelihood of choice \(choice) is \(value.isNaN ? "nan" : "\(value)"); the model's weights "
        + "are damaged, its training diverged, or it rules a token out"
    case .generation(let error): error.description
    }
  }

  /// The same text as `description`.
  public var errorDescription: String? { description }
}
