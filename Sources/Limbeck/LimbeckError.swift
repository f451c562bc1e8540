/// What can be wrong where several modules work together; each case has the error of the module that found it.
public enum LimbeckError: Error, Sendable {
  /// A value that cannot be.
  case value(InvalidValue)
  /// The backend of matrix products that this CPU needs is missing.
  case backend(MatrixBackendError)
  /// A model's files.
  case model(ModelFileError)
  /// A tokenizer, or a text.
  case tokenization(TokenizationError)
  /// A training run.
  case training(TrainingError)
  /// A distillation.
  case distillation(DistillationError)
  /// A measurement.
  case evaluation(EvaluationError)
}

extension LimbeckError: CustomStringConvertible, LocalizedError {
  /// The text of the error within.
  public var description: String {
    switch self {
    case .value(let error): error.description
    case .backend(let error): error.description
    case .model(let error): error.description
    case .tokenization(let error): error.description
    case .training(let error): error.description
    case .distillation(let error): error.description
    case .evaluation(let error): error.description
    }
  }

  /// The same text as `description`.
  public var errorDescription: String? { description }

  /// Runs `body`; throws its error as a case of this one.
  static func wrapping<Result, Failure: Error>(
    _ wrap: (Failure) -> LimbeckError, _ body: () throws(Failure) -> Result
  ) throws(LimbeckError) -> Result {
    do throws(Failure) { return try body() } catch { throw wrap(error) }
  }
}
