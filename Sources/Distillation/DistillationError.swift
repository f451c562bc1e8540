public import Tokenization

/// Why a student cannot be distilled from a teacher.
public indirect enum DistillationError: Error, Sendable, CustomStringConvertible {
  /// The tokenizers are not the same; the error inside names the first difference.
  case differentTokenizers(TokenizationError)
  /// The heads differ in their number of rows.
  case differentVocabularies(teacher: Int, student: Int)
  /// What is wrong with one of several teachers; they are counted from 1.
  case ofTeacher(number: Int, DistillationError)

  /// What is wrong, and what to do.
  public var description: String {
    switch self {
    case .differentTokenizers(let difference):
      "\(difference); distillation needs one tokenizer for both"
    case .differentVocabularies(let teacher, let student):
      "vocab_size: the teacher's is \(teacher), the student's \(student); give the student the teacher's"
    case .ofTeacher(let number, let error):
      "teacher \(number): \(error)"
    }
  }
}
