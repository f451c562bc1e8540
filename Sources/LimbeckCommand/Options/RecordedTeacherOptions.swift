import ArgumentParser
import Distillation
import Foundation
import LanguageModels
import ModelFiles
import Tokenization

/// A teacher that ran elsewhere and wrote its predictions down.
struct RecordedTeacherOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Instead of --teacher: a file of llama-perplexity --kl-divergence-base, made from --text.", valueName: "file"))
  var fromKld: String?
  @Option(
    help: ArgumentHelp(
      "Instead of --teacher: responses with log-probabilities, as OpenAI-compatible servers return them.",
      valueName: "file.jsonl"))
  var fromLogprobs: String?
  @Option(
    help: ArgumentHelp(
      "The tokenizer of teacher and student, a file or a model; with --teacher for one without.", valueName: "path"))
  var tokenizer: String?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "With --from-logprobs: outputs of the student (default: those of the model that --tokenizer names, or as many as "
        + "the tokenizer has tokens).",
      valueName: "n"))
  var vocabularySize: Int?

  /// The flag that is given, and its file; nil for none.
  var given: (flag: String, file: String)? {
    fromKld.map { ("from-kld", $0) } ?? fromLogprobs.map { ("from-logprobs", $0) }
  }

  /// V of the model whose tokenizer is given; nil where a tokenizer alone is, or what cannot be read as a model.
  func outputs(for given: any Tokenizer) -> Int? {
    guard let tokenizer, let model = try? openModel(at: URL(fileURLWithPath: tokenizer)) else { return nil }
    return max(model.configuration.vocabularySize, given.vocabularySize)
  }

  func validate() throws {
    if let fromLogprobs, fromKld != nil {
      throw ValidationError("from-logprobs", expected: "nothing beside --from-kld", found: fromLogprobs)
    }
    guard given != nil else {
      if let vocabularySize { throw try misplaced("vocabulary-size", vocabularySize) }
      return
    }
    guard let vocabularySize else { return }
    if fromLogprobs == nil { throw try misplaced("vocabulary-size", vocabularySize) }
    let limit = TeacherCacheDescription.vocabularyLimit
    guard (1...limit).contains(vocabularySize) else {
      throw ValidationError("vocabulary-size", expected: "from 1 to \(limit)", found: vocabularySize)
    }
  }

  private func misplaced(_ flag: String, _ value: Int) throws -> ValidationError {
    ValidationError(flag, expected: "nothing without --from-logprobs", found: value)
  }
}
