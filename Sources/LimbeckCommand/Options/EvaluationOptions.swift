import ArgumentParser
import ModelEvaluation
import TensorCore
import Tokenization

/// What `perplexity` and `compare` share.
struct EvaluationOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Text files, folders of them, or .jsonl files.", valueName: "path"))
  var text: [String]
  @Option(help: ArgumentHelp("Tokens per window, at most the model's context.", valueName: "n"))
  var window = 512
  @Option(help: ArgumentHelp("Tokens from one window to the next (default: the window).", valueName: "n"))
  var stride: Int?
  @Flag(help: "Print one JSON object.")
  var json = false
  @OptionGroup var device: DeviceOptions

  func validate() throws {
    if window < 1 { throw ValidationError("--window must be at least 1, but is \(window).") }
    if let stride, !(1...window).contains(stride) {
      throw ValidationError("--stride must be from 1 to the window's \(window), but is \(stride).")
    }
  }

  /// The text as the tokens that windows are cut from.
  func evaluationText(_ tokenizer: SentencePieceTokenizer, on device: Device) throws -> EvaluationText {
    EvaluationText(try tokenizer.tokens(of: Corpus(paths: text), threads: device.threads), tokenizer: tokenizer)
  }
}

extension ProgressLine {
  /// Shows how far an evaluation has come.
  mutating func show(_ progress: EvaluationProgress) {
    show(
      progress.tokens, of: progress.totalTokens, details: ["nats per token \(Format.fixed(progress.natsPerToken, 4))"])
  }
}
