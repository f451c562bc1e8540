import LanguageModels
import Limbeck
import ModelEvaluation
import ModelFiles
import TensorCore

/// Students with their weights rounded as in a GGUF file, beside what they were rounded from.
struct RoundedStudents {
  struct Entry {
    /// Where the student is among those that were given.
    let original: Int
    let type: GGUFWeightType
    let model: LanguageModel
  }

  /// All types of the first student, then of the second, and so on.
  let entries: [Entry]

  /// Reads each student once for each type. Throws what is wrong with their files, and where they are quantised
  /// already.
  init(_ types: [GGUFWeightType], of paths: [String], tokenizer: String? = nil, on device: Device) throws {
    entries = try paths.enumerated().flatMap { index, path in
      try types.map { type in
        let model = try LanguageModel(path: path, tokenizer: tokenizer, rounding: type, on: device)
        return Entry(original: index, type: type, model: model)
      }
    }
  }

  /// What rounding did to each: the student as it was is the teacher.
  func losses(
    of originals: [LanguageModel], on text: EvaluationText, window: Int, stride: Int? = nil,
    progress: (EvaluationProgress, Entry) -> Void
  ) throws -> [StudentStatistics] {
    try originals.enumerated().flatMap { index, original -> [StudentStatistics] in
      let rounded = entries.filter { $0.original == index }
      guard let first = rounded.first else { return [] }
      return try TeacherStudentComparison(
        teacher: original.decoder, students: rounded.map(\.model.decoder), on: text, window: window, stride: stride
      ) { progress($0, first) }.students
    }
  }
}
