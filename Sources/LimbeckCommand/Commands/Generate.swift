import ArgumentParser
import Limbeck
import TextGeneration

/// `limbeck generate`
struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Continues a text.",
    discussion: """
      Prints the prompt and its continuation as it grows. It ends with the model's
      end-of-text token or a BOS, with which another text would begin, a --stop
      text, --max-tokens, or when the model's context is full. With --prompts,
      several prompts are continued together and printed in order, an empty line
      between them.

      With --output, completions go to a file of JSON Lines to train on: each with
      prompt, completion, sample, tokens, log_probability and mean_log_probability
      (nats, in the model's own distribution at temperature 1), stop_reason and, as
      record, all other keys of the prompt's line. Each line also has the ids of
      prompt and completion (prompt_token_ids, token_ids) and the tokenizer's digest.
      'train' and 'distill' count only completions in the loss, and learn exactly
      these ids where they have the same tokenizer and the texts were not edited;
      a completion that was cut off gets no EOS. The file depends on model, prompts,
      seed, sampling and precision alone. After Ctrl-C or a kill, the same command
      with --resume goes on.

      With --draft, a smaller model proposes tokens that --model judges several at a
      time; the text has exactly the distribution it has without (Leviathan et al.
      2023), and at temperature 0 it is the same. Adaptive drafts are as long as
      pays by what was accepted so far. Then acceptance, the one predicted by the
      overlap of both distributions, and speed are told on standard error.

      Example:
        limbeck generate --model runs/student --prompt "It is a truth" \\
          --max-tokens 100 --temperature 0.8 --top-p 0.95 --seed 3
        limbeck generate --model runs/student --prompts prompts.txt --json
        limbeck generate --model runs/teacher --prompts train.jsonl \\
          --prompt-field question --samples 4 --output answers.jsonl \\
          --keep-matching '#### (-?[0-9.,]+)' --reference answer
        limbeck generate --model runs/teacher --draft runs/student \\
          --prompt "It is a truth" --temperature 0.8
      """)

  @Option(help: ArgumentHelp("A model folder.", valueName: "dir"))
  var model: String
  @Option(parsing: .unconditional, help: "The text to continue; this or --prompts.")
  var prompt: String?
  @Option(parsing: .unconditional, help: ArgumentHelp("The most tokens to generate for a prompt.", valueName: "n"))
  var maxTokens = 256
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("A text that ends a continuation; may be given several times.", valueName: "text"))
  var stop: [String] = []
  @Option(parsing: .unconditional, help: ArgumentHelp("Prompts continued together.", valueName: "n"))
  var batchSize = 16
  @OptionGroup var rounding: GenerationPrecisionOptions
  @OptionGroup var promptOptions: PromptOptions
  @OptionGroup var sampling: SamplingOptions
  @OptionGroup var speculation: SpeculationOptions
  @OptionGroup var completions: CompletionOptions
  @Flag(help: "Print one JSON object when all is done.")
  var json = false
  @OptionGroup var device: DeviceOptions

  func validate() throws {
    if (prompt == nil) == (promptOptions.prompts == nil) {
      throw ValidationError("Give either --prompt or --prompts.")
    }
    if maxTokens < 1 { throw ValidationError("max-tokens", expected: "at least 1", found: maxTokens) }
    if batchSize < 1 { throw ValidationError("batch-size", expected: "at least 1", found: batchSize) }
    if speculation.draft != nil, completions.output != nil {
      throw ValidationError("--draft is for text that is printed; leave it out with --output.")
    }
    if stop.contains("") {
      throw ValidationError("stop", expected: "a text of at least one character", found: "an empty one")
    }
  }

  func run() throws {
    let device = try device.device
    let model = try LanguageModel(folder: model, precision: rounding.precision, on: device)
    let generator = try speculation.generator(model, rounding, on: device)
    let prompts = try prompt.map { PromptFile($0) } ?? promptOptions.promptFile(model.tokenizer)
    if let output = completions.output { return try write(generator, prompts, model: model.digest, to: output) }
    let texts = prompts.records.map(\.prompt)
    let generations = try json || texts.count > 1 ? all(texts, generator) : [streamed(texts[0], generator)]
    let report = try speculation.draft == nil ? nil : speculationReport(of: generations, texts, model)
    if json {
      try StandardOutput.write(
        json: Report(results: zip(texts, generations).map { .init($0, $1) }, speculation: report))
    } else if texts.count > 1 {
      try StandardOutput.write(zip(texts, generations).map { "\($0)\($1.text)\n" }.joined(separator: "\n"))
    }
    if let report, !json {
      let console = Console()
      for line in report.lines { console.write(line) }
    }
  }

  /// Times the model alone on the first prompts beside what came of the draft on all.
  private func speculationReport(
    of generations: [Generation], _ texts: [String], _ model: LanguageModel
  ) throws -> SpeculationReport {
    let generator = try Generator(model.decoder, model.tokenizer, cachePrecision: rounding.cachePrecision)
    return try SpeculationReport(generations) { timedTokens in
      try generator.generate(
        after: Array(texts.prefix(batchSize)), sampling: sampling.sampling, maxTokens: min(maxTokens, timedTokens),
        stop: stop, seed: sampling.seed, batchSize: batchSize)
    }
  }

  /// Prints the text as it grows; nothing of it before the first token has shown that there will be any.
  private func streamed(_ text: String, _ generator: Generator) throws -> Generation {
    var unprinted = text
    var failure: CommandError?
    let generation = try generator.generate(
      after: text, sampling: sampling.sampling, maxTokens: maxTokens, stop: stop, seed: sampling.seed
    ) { part in
      do throws(CommandError) { try StandardOutput.write(unprinted + part) } catch { failure = error }
      unprinted = ""
      return failure == nil ? .proceed : .stop
    }
    if let failure { throw failure }
    try StandardOutput.write("\n")
    return generation
  }

  /// Shows how many tokens there are, out of the most that there can be.
  private func all(_ texts: [String], _ generator: Generator) throws -> [Generation] {
    var progress = ProgressLine("token", on: Console())
    defer { progress.end() }
    var tokens = 0
    return try generator.generate(
      after: texts, sampling: sampling.sampling, maxTokens: maxTokens, stop: stop, seed: sampling.seed,
      batchSize: batchSize
    ) { _ in
      tokens += 1
      progress.show(tokens, of: texts.count * maxTokens)
      return .proceed
    }
  }
}

extension Generate {
  /// What `--json` prints.
  private struct Report: Encodable {
    let results: [Continuation]
    let speculation: SpeculationReport?
  }

  private struct Continuation: Encodable {
    let prompt, text: String
    let tokenIds: [Int32]
    let stopReason: String
    let promptTokens: Int
    let promptSeconds, generationSeconds, tokensPerSecond: Double

    init(_ prompt: String, _ generation: Generation) {
      self.prompt = prompt
      text = generation.text
      tokenIds = generation.tokenIDs
      stopReason = generation.stopReason.name
      promptTokens = generation.promptTokenCount
      promptSeconds = generation.promptSeconds
      generationSeconds = generation.generationSeconds
      tokensPerSecond = Double(generation.tokenIDs.count) / max(generationSeconds, 1e-9)
    }
  }
}
