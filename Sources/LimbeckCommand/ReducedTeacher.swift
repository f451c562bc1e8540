import Diagnostics
import Foundation
import LanguageModels
import Limbeck
import ModelFiles
import ModelTraining
import TensorCore
import Tokenization

/// A teacher with the tokens that a run needs: known before anything is written, so that the run is checked first, and
/// then in a folder or file beside the run's.
final class ReducedTeacher {
  /// Where it is, or will be.
  let path: String
  /// Whether it is there.
  private(set) var isWritten: Bool
  private let cutter: VocabularyCutter
  private let corpus: Corpus
  private let reduced: ReducedTokenizer
  private let settings: TrainingSettings
  /// Whether this process wrote it.
  private var isOwn = false

  /// Finds the tokens that the run's text and another one need. A run that is resumed takes the teacher that it wrote,
  /// if that has the same tokens.
  init(_ teacher: String, keeping text: [String], for settings: TrainingSettings, on device: Device) throws {
    path = Self.path(of: teacher, besideRun: settings.outputPath)
    isWritten = somethingExists(at: path)
    if isWritten, !settings.resumes {
      throw CommandError.outputExists(path: path, advice: "choose another --output or remove it first")
    }
    self.settings = settings
    cutter = try VocabularyCutter(teacher, keys: settings.keys, on: device)
    corpus = try cutter.corpus(settings.text + text)
    reduced = try cutter.reduced(to: corpus)
    if isWritten, try loadTokenizer(from: URL(fileURLWithPath: path)).digest != reduced.tokenizer.digest {
      throw RecipeError.flag(
        InvalidValue(
          "--reduce-vocabulary", expected: "text that needs the tokens of \(path)", found: "text that needs others",
          advice: "resume with the text that the run began with"))
    }
    let (kept, all) = (Format.count(reduced.reduction.keptIDs.count), Format.count(reduced.reduction.originalSize))
    Console().write("vocabulary: \(kept) of \(all) tokens")
  }

  /// Where that of a run is: beside its folder; a file where the teacher is one.
  static func path(of teacher: String, besideRun output: String) -> String {
    VocabularyCutter.path(URL(fileURLWithPath: output).path + "-teacher", cutFrom: teacher)
  }

  /// What makes its ids.
  var tokenizer: any Tokenizer { reduced.tokenizer }

  /// Its sizes. Throws where a token that the model needs would be lost.
  var configuration: DecoderConfiguration {
    get throws { try rows.reduced(cutter.model.configuration, file: cutter.model.configurationFile.path) }
  }

  private var rows: VocabularyRows {
    VocabularyRows(keeping: reduced.reduction.keptIDs, of: reduced.reduction.originalSize)
  }

  /// Checks that a student on disk has these tokens, which only one that was cut out of such a teacher has.
  func requireTokens(of student: any Tokenizer, path: String) throws {
    guard student.digest != tokenizer.digest else { return }
    throw RecipeError.flag(
      InvalidValue(
        "--student",
        expected: "a size, a config.json, or a model with the tokens that the text needs",
        found: "\(path), with other tokens",
        advice: "or cut the teacher with limbeck vocabulary, and the student out of that with limbeck student"))
  }

  /// Writes it, once its text is proved to keep its tokens; says what it loses on the validation text.
  func write() throws {
    try cutter.requireSound(reduced, on: corpus)
    if !settings.validationText.isEmpty {
      let dropped = try cutter.dropped(
        reduced, on: cutter.corpus(settings.validationText),
        window: min(settings.recipe.sequenceLength, cutter.model.configuration.contextLength))
      Console().write(
        "vocabulary: the other tokens had \(Format.fixed(100 * dropped.mean, 2)) % of the teacher's probability on "
          + "the validation text, in the mean")
    }
    try cutter.write(reduced, to: path)
    (isWritten, isOwn) = (true, true)
    Console().write("wrote \(path)")
  }

  /// Removes what this process wrote for a run that then did not begin, so that the next try is not in its own way.
  func removeUnlessUsed() {
    guard isOwn, !somethingExists(at: settings.output.path) else { return }
    do {
      try FileManager.default.removeItem(atPath: path)
    } catch {
      Console().write("warning: \(path): the run did not begin, and this could not be removed: \(error)")
    }
  }
}
