public import Diagnostics
public import Foundation

/// What can be wrong with a request to generate text.
public enum GenerationError: Error, Equatable, Sendable {
  /// A value of sampling or generation that cannot be.
  case value(InvalidValue)
  /// The model has fewer outputs than its tokenizer has tokens: the two do not belong together.
  case vocabularyTooSmall(model: Int, tokenizer: Int)
  /// A draft with another number of outputs than the model.
  case vocabulariesDiffer(model: Int, draft: Int)
  /// A prompt whose tokens, BOS included, leave no place in the model's context; `prompt` counts from 0.
  case promptTooLong(prompt: Int, tokens: Int, contextLength: Int)
  /// A prompt whose tokens, BOS included, leave no place in the draft's context; `prompt` counts from 0.
  case promptTooLongForDraft(prompt: Int, tokens: Int, contextLength: Int)
  /// An empty prompt where the tokenizer has no BOS to start from; `prompt` counts from 0.
  case emptyPrompt(prompt: Int)
  /// The largest logit of a row is NaN or infinite, so that there is no distribution to sample from.
  case logitsNotFinite(largest: Float)
}

extension GenerationError: CustomStringConvertible, LocalizedError {
  /// One line for the user: the cause, what was expected and found, and what to do.
  public var description: String {
    switch self {
    case .value(let error):
      error.description
    case .vocabularyTooSmall(let model, let tokenizer):
      "the model: vocab_size: expected at least the tokenizer's \(tokenizer), found \(model); give the model the "
        + "tokenizer it was trained with"
    case .vocabulariesDiffer(let model, let draft):
      "the draft: vocab_size: expected the model's \(model), found \(draft); draft with a student of the model"
    case .promptTooLong(let prompt, let tokens, let contextLength):
      "prompt \(prompt + 1): tokens: expected at most \(contextLength - 1), one less than the model's context of "
        + "\(contextLength), found \(tokens); shorten it"
    case .promptTooLongForDraft(let prompt, let tokens, let contextLength):
      "prompt \(prompt + 1): tokens: expected at most \(contextLength - 1), one less than the draft's context of "
        + "\(contextLength), found \(tokens); shorten it, or leave the draft out"
    case .emptyPrompt(let prompt):
      "prompt \(prompt + 1): expected some text, for the tokenizer has no BOS to start from, found none"
    case .logitsNotFinite(let largest):
      "the largest logit is \(largest), so that no token can be chosen; the model's weights are damaged, or its "
        + "training diverged"
    }
  }

  /// The same text as `description`.
  public var errorDescription: String? { description }
}
