import ArgumentParser
import TensorCore

/// A teacher with a smaller vocabulary.
struct VocabularyOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Cut the teacher's vocabulary down to what --text and this text need, as 'limbeck vocabulary' does; teacher and "
        + "student then share it. Writes the smaller teacher beside --output (default: the whole vocabulary).",
      valueName: "path"))
  var reduceVocabulary: [String] = []
}

/// `VocabularyOptions`, settled.
struct VocabularySettings {
  /// The text that keeps its tokens beside the one that is learnt.
  private let text: [String]

  /// nil where the vocabulary stays as it is.
  init?(_ options: VocabularyOptions, _ recipe: inout RecipeFile) throws(RecipeError) {
    text = try recipe.paths("reduce-vocabulary", options.reduceVocabulary)
    if text.isEmpty { return nil }
  }

  /// Throws unless there is one teacher in memory, with a tokenizer of its own, that a run learns from.
  func requireFit(_ teachers: TeacherSettings, _ recipe: RecipeFile) throws(RecipeError) {
    func refuse(_ expected: String, _ found: String) -> RecipeError {
      recipe.invalid("reduce-vocabulary", expected: expected, found: found)
    }
    guard teachers.paths.count == 1, teachers.routes == nil else {
      throw refuse("one teacher, without a pattern", teachers.paths.joined(separator: ", "))
    }
    if let tokenizer = teachers.tokenizer { throw refuse("nothing with --tokenizer", tokenizer) }
  }

  /// What the teacher becomes for a run; writes nothing.
  func reduced(_ teacher: String, for settings: TrainingSettings, on device: Device) throws -> ReducedTeacher {
    try ReducedTeacher(teacher, keeping: text, for: settings, on: device)
  }
}
