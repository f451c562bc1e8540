import ArgumentParser
import Diagnostics
import DurableFiles
import Foundation
import LanguageModels
import ModelEvaluation
import ModelFiles
import ModelTraining
import TensorCore
import Tokenization

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
  func requireFit(
    _ teachers: TeacherSettings, _ settings: TrainingSettings, _ recipe: RecipeFile
  ) throws(RecipeError) {
    func refuse(_ expected: String, _ found: String) -> RecipeError {
      recipe.invalid("reduce-vocabulary", expected: expected, found: found)
    }
    guard teachers.paths.count == 1, teachers.routes == nil else {
      throw refuse("one teacher, without a pattern", teachers.paths.joined(separator: ", "))
    }
    if let tokenizer = teachers.tokenizer { throw refuse("nothing with --tokenizer", tokenizer) }
    if settings.memory.isPlanned { throw refuse("nothing with --plan", text[0]) }
  }

  /// Where the smaller teacher of a run is: beside its folder, and a file where the teacher is one.
  static func path(of teacher: String, besideRun output: String) -> String {
    let isFile = URL(fileURLWithPath: teacher).pathExtension.lowercased() == "gguf"
    return URL(fileURLWithPath: output).path + "-teacher" + (isFile ? ".gguf" : "")
  }

  /// Writes the smaller teacher beside the run's folder, and returns its path. A run that is resumed takes what it
  /// wrote, if it has the same vocabulary.
  func reduced(_ teacher: String, for settings: TrainingSettings, on device: Device) throws -> String {
    let cutter = try VocabularyCutter(teacher, keys: settings.keys, on: device)
    let path = Self.path(of: teacher, besideRun: settings.outputPath)
    let corpus = try cutter.corpus(settings.text + text)
    let reduced = try cutter.reduced(to: corpus)
    let (size, all) = (reduced.reduction.keptIDs.count, reduced.reduction.originalSize)
    let console = Console()
    if somethingExists(at: path) {
      guard settings.resumes else {
        throw CommandError.outputExists(path: path, advice: "choose another --output or remove it first")
      }
      guard try loadTokenizer(from: URL(fileURLWithPath: path)).digest == reduced.tokenizer.digest else {
        throw RecipeError.flag(
          InvalidValue(
            "--reduce-vocabulary", expected: "text that needs the tokens of \(path)", found: "text that needs others",
            advice: "resume with the text that the run began with"))
      }
    } else {
      _ = try cutter.requireSameTokens(reduced, on: corpus)
      try cutter.model.requireFiniteWeights()
      if !settings.validationText.isEmpty {
        let dropped = try cutter.dropped(
          reduced, on: cutter.corpus(settings.validationText),
          window: min(settings.recipe.sequenceLength, cutter.model.configuration.contextLength))
        console.write(
          "vocabulary: the other tokens had \(Format.fixed(100 * dropped.mean, 2)) % of the teacher's probability on "
            + "the validation text, in the mean")
      }
      try cutter.write(reduced, to: path)
    }
    console.write("vocabulary: \(Format.count(size)) of \(Format.count(all)) tokens, in \(path)")
    return path
  }
}
