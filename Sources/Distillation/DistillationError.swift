public import Tokenization

/// Why a student cannot be distilled from a teacher.
public indirect enum DistillationError: Error, Sendable, CustomStringConvertible {
  /// The tokenizers are not the same; the error inside names the first difference.
  case differentTokenizers(TokenizationError)
  /// The heads differ in their number of rows.
  case differentVocabularies(teacher: Int, student: Int)
  /// A model has no layer of that number.
  case noSuchLayer(model: String, number: Int, allowed: ClosedRange<Int>)
  /// Queries and keys of teacher and student cannot be cut into so many relation heads.
  case relationHeads(Int, widths: [Int])
  /// What is wrong with one of several teachers; they are counted from 1.
  case ofTeacher(number: Int, DistillationError)

  /// What is wrong, and what to do.
  public var description: String {
    switch self {
    case .differentTokenizers(let difference):
      "\(difference); distillation needs one tokenizer for both"
    case .differentVocabularies(let teacher, let student):
      "vocab_size: the teacher's is \(teacher), the student's \(student); give the student the teacher's"
    case .noSuchLayer(let model, let number, let allowed):
      "layer \(number) of the \(model): expected \(allowed.lowerBound) to \(allowed.upperBound), or last; "
        + (allowed.lowerBound == 0 ? "0 is the embeddings" : "relations are those of a layer's attention")
    case .relationHeads(let heads, let widths):
      "\(heads) relation heads: expected a divisor of \(widths.map(String.init).joined(separator: ", ")), the sizes of "
        + "queries and keys of teacher and student"
    case .ofTeacher(let number, let error):
      "teacher \(number): \(error)"
    }
  }
}
