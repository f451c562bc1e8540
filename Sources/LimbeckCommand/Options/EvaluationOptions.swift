import ArgumentParser
import Diagnostics
import Foundation
import LanguageModels
import Limbeck
import ModelEvaluation
import TensorCore
import TextGeneration
import Tokenization

/// What `perplexity` and `compare` share.
struct EvaluationOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Text files, folders of them, or files of rows (.jsonl, .json) (default: what the runs were validated on).",
      valueName: "path"))
  var text: [String] = []
  @OptionGroup var keys: TextKeyOptions
  @Option(
    help: ArgumentHelp(
      "What counts of rows with a prompt: completions alone, or prompts as well (default: as in the runs' recipes).",
      valueName: "name"))
  var count: CountedTokens?
  @Option(parsing: .unconditional, help: MeasuredWindow.help)
  var window: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Tokens from one window to the next (default: the window).", valueName: "n"))
  var stride: Int?
  @Flag(help: "Print one JSON object.")
  var json = false
  @OptionGroup var device: DeviceOptions

  func validate() throws {
    if let window, window < 1 { throw ValidationError("window", expected: "at least 1", found: window) }
    if let stride, stride < 1 || stride > window ?? .max {
      throw ValidationError("stride", expected: "from 1 to the tokens of a window", found: stride)
    }
  }

  /// The text to measure models on: what the user names, or else what the runs that made them were validated on.
  /// - Parameters:
  ///   - models: the folders of the models, but for the teacher's.
  ///   - teacher: that of the teacher, which is asked last.
  /// - Returns: the text and what messages call it.
  /// - Throws: where the user names none, and no run was validated; what is wrong with the runs and the text.
  func heldOutText(of models: [String], teacher: String? = nil) throws -> HeldOutText {
    let text = try HeldOutText.of(
      text, keys: keys.given, counting: count, runs: models.compactMap { try ReportedRun(ofModel: $0) },
      teacherRun: teacher.flatMap { try ReportedRun(ofModel: $0) })
    guard let text else {
      throw RecipeError.flag(
        InvalidValue(
          "--text", expected: "text to measure on", found: "none",
          advice: "no run that made these models was validated on a text"))
    }
    return text
  }
}

extension EvaluationText {
  /// A text, encoded. Throws what is wrong with it, and where hardly a token counts.
  init(_ text: HeldOutText, _ tokenizer: any Tokenizer, on device: Device) throws {
    let tokens = try Console().announcing("tokenising \(text.name)") {
      try tokenizer.tokens(of: text.corpus.chatting(for: tokenizer), threads: device.threads)
    }
    self.init(tokens, tokenizer: tokenizer)
    // a standard error is that of two tokens or more
    if countedTokens < 2 { throw CommandError.nothingToMeasure(text: text.name, tokens: countedTokens) }
  }
}

extension ProgressLine {
  /// Shows how far an evaluation has come; of several models, the mean is that of `model`.
  mutating func show(_ progress: EvaluationProgress, of model: String? = nil) {
    let nats = "\(Format.fixed(progress.natsPerToken, 4)) nats per token"
    show(progress.tokens, of: progress.totalTokens, details: [model.map { "\($0): \(nats)" } ?? nats])
  }
}
