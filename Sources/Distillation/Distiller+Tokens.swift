import Diagnostics
import LanguageModels
import Tokenization

/// Whether teachers and student speak of the same tokens.
extension Distiller {
  static func requireSameTokens(_ teachers: [Teacher], _ student: Student) throws(DistillationError) {
    guard !teachers.isEmpty else { throw .value(InvalidValue("teacher", expected: "one or more", found: "none")) }
    for (index, teacher) in teachers.enumerated() {
      do throws(DistillationError) {
        try requireSameTokens(teacher, student)
      } catch {
        throw teachers.count == 1 ? error : .ofTeacher(number: index + 1, error)
      }
    }
  }

  static func requireFiniteSum(ofWeights weights: [Float]) throws(DistillationError) {
    guard weights.reduce(0, +).isFinite else {
      throw .value(
        InvalidValue(
          "teacher-weights", expected: "numbers above 0 whose sum is below \(Float.greatestFiniteMagnitude)",
          found: weights.map { "\($0)" }.joined(separator: ", ")))
    }
  }

  static func requireSameTokens(_ teacher: Teacher, _ student: Student) throws(DistillationError) {
    guard teacher.weight > 0, teacher.weight.isFinite else {
      throw .value(InvalidValue("teacher-weights", expected: "numbers above 0", found: "\(teacher.weight)"))
    }
    do {
      try requireSameTokenizer(teacher.tokenizer, student.tokenizer)
    } catch {
      throw .differentTokenizers(error)
    }
    let (expected, found) = (
      teacher.decoder.configuration.vocabularySize, student.decoder.configuration.vocabularySize
    )
    guard expected == found else {
      throw .value(
        InvalidValue("the student", "vocab_size", expected: "the teacher's \(expected)", found: "\(found)"))
    }
  }
}
