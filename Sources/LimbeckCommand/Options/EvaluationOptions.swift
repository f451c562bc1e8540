import ArgumentParser
import ModelEvaluation
import TensorCore
import Tokenization

/// What `perplexity` and `compare` share.
struct EvaluationOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Text files, folders of them, or files of rows (.jsonl, .json).", valueName: "path"))
  var text: [String]
  @OptionGroup var keys: TextKeyOptions
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Tokens per window, at most the model's context (default: 512, or the context if that is less).", valueName: "n"))
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

  /// The window for models with these contexts.
  func window(within contextLengths: [Int], _ console: Console) -> Int {
    Self.window(window, within: contextLengths, console)
  }

  /// The window that the user chose, or else one for models with these contexts. One that the user did not choose is
  /// told where it is not the usual one, for perplexities of different windows do not compare.
  static func window(_ window: Int?, within contextLengths: [Int], _ console: Console) -> Int {
    let usual = 512
    let context = contextLengths.min() ?? usual
    if window == nil, context < usual { console.write("windows of \(context) tokens, the context of the model") }
    return window ?? min(usual, context)
  }

  /// The text as the tokens that windows are cut from.
  func evaluationText(_ tokenizer: any Tokenizer, on device: Device) throws -> EvaluationText {
    let corpus = try TextListing(keys: keys.keys).corpus(text, Console())
    return EvaluationText(try tokenizer.tokens(of: corpus, threads: device.threads), tokenizer: tokenizer)
  }
}

extension EvaluationText {
  /// The text of files and folders.
  init(paths: [String], _ tokenizer: any Tokenizer, on device: Device) throws {
    self.init(try tokenizer.tokens(of: Corpus(paths: paths), threads: device.threads), tokenizer: tokenizer)
  }
}

extension ProgressLine {
  /// Shows how far an evaluation has come.
  mutating func show(_ progress: EvaluationProgress) {
    show(
      progress.tokens, of: progress.totalTokens, details: ["nats per token \(Format.fixed(progress.natsPerToken, 4))"])
  }
}
