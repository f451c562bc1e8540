import ArgumentParser
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
    help: ArgumentHelp("Text files, folders of them, or files of rows (.jsonl, .json).", valueName: "path"))
  var text: [String]
  @OptionGroup var keys: TextKeyOptions
  @Option(
    help: ArgumentHelp(
      "What counts of rows with a prompt: completions alone, or prompts as well.", valueName: "name"))
  var count = CountedTokens.completions
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

  /// The text as the tokens that windows are cut from.
  func evaluationText(_ tokenizer: any Tokenizer, on device: Device) throws -> EvaluationText {
    let corpus = try TextListing(keys: keys.keys, counting: count).corpus(text, Console())
    return try EvaluationText(corpus, tokenizer, on: device)
  }
}

extension EvaluationText {
  /// A text, encoded.
  init(_ corpus: Corpus, _ tokenizer: any Tokenizer, on device: Device) throws {
    self.init(try tokenizer.tokens(of: corpus.chatting(for: tokenizer), threads: device.threads), tokenizer: tokenizer)
  }
}

extension ProgressLine {
  /// Shows how far an evaluation has come; of several models, the mean is that of `model`.
  mutating func show(_ progress: EvaluationProgress, of model: String? = nil) {
    let nats = "\(Format.fixed(progress.natsPerToken, 4)) nats per token"
    show(progress.tokens, of: progress.totalTokens, details: [model.map { "\($0): \(nats)" } ?? nats])
  }
}
