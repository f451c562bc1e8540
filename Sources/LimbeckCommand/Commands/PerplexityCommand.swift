import ArgumentParser
import LanguageModels
import Limbeck
import ModelEvaluation
import TensorCore

/// `limbeck perplexity`
struct PerplexityCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "perplexity",
    abstract: "Measures how well a model predicts a text.",
    discussion: """
      The text is cut into windows; each is fed the beginning-of-text token and its
      tokens but the last, and every token is scored. With --stride, windows overlap
      and score only their new tokens.

      Example:
        limbeck perplexity --model runs/student --text held-out.txt --window 256
      """)

  @Option(help: ArgumentHelp("A model folder.", valueName: "dir"))
  var model: String
  @Option(help: ArgumentHelp("A tokenizer.model for a model folder without one.", valueName: "file"))
  var tokenizer: String?
  @Option(help: ArgumentHelp("What the model rounds the factors of its products to.", valueName: "type"))
  var precision = ProductPrecision.float32
  @OptionGroup var options: EvaluationOptions

  func run() throws {
    let device = try options.device.device
    let model = try LanguageModel(folder: model, tokenizer: tokenizer, precision: precision, on: device)
    let text = try options.evaluationText(model.tokenizer, on: device)
    let console = Console()
    let window = options.window(within: [model.decoder.configuration.contextLength], console)
    var progress = ProgressLine("token", on: console)
    let result = try Perplexity(of: model.decoder, on: text, window: window, stride: options.stride) {
      progress.show($0)
    }
    progress.end()
    if options.json { return try StandardOutput.write(json: result) }
    var facts = FactList()
    facts.add(
      "perplexity", Format.fixed(result.perplexity, 4) + " ± " + Format.fixed(result.perplexityStandardError, 4))
    facts.add("nats per token", Format.fixed(result.natsPerToken, 6))
    if let bits = result.bitsPerByte { facts.add("bits per byte", Format.fixed(bits, 6)) }
    if let words = result.wordPerplexity { facts.add("word perplexity", Format.fixed(words, 4)) }
    facts.add("tokens", Format.count(result.tokens))
    if let speed = result.tokensPerSecond { facts.add("tokens/s", Format.count(Int(speed))) }
    try StandardOutput.write(facts.text)
  }
}
