import ArgumentParser
import Limbeck
import TextGeneration

/// `limbeck generate`
struct Generate: ParsableCommand, OptionGroups {
  static let needs: [String: [String]] = [CompletionOptions.needs, PromptOptions.needs, SpeculationOptions.needs]
    .reduce(into: [:]) { $0.merge($1) { $1 } }
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Generates text that continues a prompt.",
    discussion: """
      Give one prompt (--prompt or --prompt-file) or several (--prompts). A single
      one is printed with its continuation as it grows; several are printed in
      order, an empty line between them. A text ends with the model's end-of-text
      token or BOS, with a --stop text, after --max-tokens, or when the context is
      full.

      bash writes a newline in --prompt as $'one\\ntwo'. One newline at the end of
      a --prompt-file is dropped.

      --output writes completions to train on, one JSON object a line: prompt,
      completion, sample, stop_reason, tokens, log_probability and
      mean_log_probability (nats, at temperature 1), the ids of all tokens, and, as
      record, the other keys of the prompt's line. 'train' and 'distill' count the
      completions alone in the loss and learn exactly these tokens, if they have
      the same tokenizer. A completion that was cut off gets no EOS. The file
      depends on model, prompts, seed, sampling and precision, not on --batch-size
      or --threads. After Ctrl-C or a kill, the same command with --resume goes on.

      --draft is speculative decoding (Leviathan et al. 2023): a small model
      proposes tokens, and --model accepts or replaces them. The text keeps its
      distribution, and at temperature 0 it stays the same. Acceptance and speed-up
      are printed to standard error.

      Example:
        limbeck generate --model runs/student --prompt "It is a truth" \\
          --max-tokens 100 --temperature 0.8 --top-p 0.95 --seed 3
        limbeck generate --model runs/student --prompt-file - < chapter.txt
        limbeck generate --model runs/teacher --draft runs/student \\
          --prompt "It is a truth" --temperature 0.8
        limbeck generate --model runs/teacher --prompts train.jsonl \\
          --prompt-field question --samples 4 --output answers.jsonl \\
          --keep-matching '#### (-?[0-9.,]+)' --reference answer
      """)

  @Option(help: ArgumentHelp("A model folder, or a .gguf file.", valueName: "model"))
  var model: String
  @Option(help: ModelTokenizer.help)
  var tokenizer: String?
  @Option(parsing: .unconditional, help: ArgumentHelp("The text to continue.", valueName: "text"))
  var prompt: String?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("A file with the text to continue, or - for standard input.", valueName: "file"))
  var promptFile: String?
  @OptionGroup var length: LengthOptions
  @Option(parsing: .unconditional, help: ArgumentHelp("Prompts to continue at the same time.", valueName: "n"))
  var batchSize = 16
  @OptionGroup(title: "Precision") var rounding: GenerationPrecisionOptions
  @OptionGroup(title: "Several prompts") var promptOptions: PromptOptions
  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup(title: "Speculative decoding") var speculation: SpeculationOptions
  @OptionGroup(title: "Completions to train on") var completions: CompletionOptions
  @Flag(help: "Print one JSON object, at the end.")
  var json = false
  @OptionGroup(title: "Device") var device: DeviceOptions

  func validate() throws {
    let sources = [prompt, promptFile, promptOptions.prompts].compactMap(\.self)
    if sources.count != 1 {
      throw ValidationError(
        "prompt", expected: "one of --prompt, --prompt-file and --prompts",
        found: sources.isEmpty ? "none" : "\(sources.count)")
    }
    if batchSize < 1 { throw ValidationError("batch-size", expected: "at least 1", found: batchSize) }
    if speculation.draft != nil, completions.output != nil {
      throw ValidationError("draft", expected: "nothing beside --output", found: speculation.draft ?? "")
    }
  }

  func run() throws {
    let prompt = try prompt ?? promptFile.map(PromptOptions.text)
    if self.prompt == "-" { Console().write("--prompt: the text is \"-\"; --prompt-file - reads standard input") }
    let device = try device.device
    let model = try LanguageModel(
      path: model, tokenizer: tokenizer, rounding: rounding.weights.weights, precision: rounding.precision,
      on: device)
    let generator = try speculation.generator(model, from: self.model, rounding, tokenizer: tokenizer, on: device)
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
        after: Array(texts.prefix(batchSize)), sampling: sampling.sampling,
        maxTokens: min(length.maxTokens, timedTokens),
        stop: length.stop, seed: sampling.seed, batchSize: batchSize)
    }
  }

  /// Prints the text as it grows; nothing of it before the first token has shown that there will be any.
  private func streamed(_ text: String, _ generator: Generator) throws -> Generation {
    var unprinted = text
    var failure: CommandError?
    let generation = try generator.generate(
      after: text, sampling: sampling.sampling, maxTokens: length.maxTokens, stop: length.stop, seed: sampling.seed
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
    // no limit but the context's, where more is asked for
    let (most, isTooMany) = texts.count.multipliedReportingOverflow(by: min(length.maxTokens, generator.contextLength))
    let total = isTooMany ? Int.max : most
    return try generator.generate(
      after: texts, sampling: sampling.sampling, maxTokens: length.maxTokens, stop: length.stop, seed: sampling.seed,
      batchSize: batchSize
    ) { _ in
      tokens += 1
      progress.show(tokens, of: total)
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
