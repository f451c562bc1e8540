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
      A plain file is one document, and so is each row of a .jsonl file. Each
      document is cut into windows; a window is fed the beginning-of-text token
      (BOS) and its tokens but the last, and all its tokens are scored. No window
      reaches from one document into the next. Of a row with a prompt and a
      completion only the completion's tokens are scored, unless --count says
      otherwise. With --stride, windows overlap and score only their new tokens.

      Without --text, a model that 'train' or 'distill' made is measured on its
      validation text, or on what --validation-share held out.

      'train' and 'distill' measure their validation text in the same way, in
      windows of their sequence length, and so do 'compare' and 'report'.

      Example:
        limbeck perplexity --model runs/student --text held-out.txt --window 256
      """)

  @Option(help: ArgumentHelp("A model folder, or a .gguf file.", valueName: "model"))
  var model: String
  @Option(help: ModelTokenizer.help)
  var tokenizer: String?
  @Option(help: ArgumentHelp("Precision of matrix products.", valueName: "type"))
  var precision = ProductPrecision.float32
  @OptionGroup var rounding: WeightRoundingOptions
  @OptionGroup var options: EvaluationOptions

  func run() throws {
    let device = try options.device.device
    let folder = model
    let model = try LanguageModel(
      path: folder, tokenizer: tokenizer, rounding: rounding.weights, precision: precision, on: device)
    let heldOut = try options.heldOutText(of: [folder])
    let text = try EvaluationText(heldOut, model.tokenizer, on: device)
    let console = Console()
    if options.text.isEmpty { console.write("text: \(heldOut.name)") }
    let window = MeasuredWindow(
      options.window, for: [.init(folder: folder, contextLength: model.configuration.contextLength)])
    console.write(window.description)
    var progress = ProgressLine("token", on: console, announcing: "measuring \(folder)")
    let result = try blamingWeights(of: [model]) {
      try Perplexity(of: model.decoder, on: text, window: window.tokens, stride: options.stride) { progress.show($0) }
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
    facts.add("window", Format.count(window.tokens))
    if let speed = result.tokensPerSecond { facts.add("tokens/s", Format.count(Int(speed))) }
    try StandardOutput.write(facts.text)
  }
}
