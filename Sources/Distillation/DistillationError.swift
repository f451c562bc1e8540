public import Diagnostics
public import ModelTraining
public import Tokenization

/// Why a student cannot be distilled from a teacher.
public indirect enum DistillationError: Error, Sendable, CustomStringConvertible {
  /// A size, a layer or a setting that does not fit.
  case value(InvalidValue)
  /// The tokenizers are not the same; the error inside names the first difference.
  case differentTokenizers(TokenizationError)
  /// What is wrong with one of several teachers; they are counted from 1.
  case ofTeacher(number: Int, DistillationError)
  /// A cache of the teacher's distributions does not fit.
  case cache(TeacherCacheError)
  /// The training itself.
  case training(TrainingError)

  /// What is wrong, and what to do.
  public var description: String {
    switch self {
    case .value(let error): error.description
    case .differentTokenizers(let difference): "\(difference); distillation needs one tokenizer for both"
    case .ofTeacher(let number, let error): "teacher \(number): \(error)"
    case .cache(let error): error.description
    case .training(let error): error.description
    }
  }
}
