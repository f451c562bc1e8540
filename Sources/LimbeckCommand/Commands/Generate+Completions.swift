import ArgumentParser
import Foundation
import Logging
import TextGeneration

extension Generate {
  /// Writes completions to a file, to the end or to Ctrl-C, which throws the exit code; `model` is a digest.
  func write(_ generator: Generator, _ prompts: PromptFile, model: String, to output: String) throws {
    let settings = CompletionSettings(
      samples: completions.samples ?? 1, sampling: sampling.sampling, maxTokens: length.maxTokens, stop: length.stop,
      seed: sampling.seed, filters: try completions.filters, includesTokens: completions.withTokens)
    let run = try CompletionRun(generator, prompts, settings)
    let inputs = run.inputs.merging(["model": model]) { own, _ in own }
    let url = URL(fileURLWithPath: output)
    let file =
      try completions.resume
      ? CompletionFile(resuming: url, inputs: inputs) : CompletionFile(creating: url, inputs: inputs)
    let console = Console()
    let log = Logger(console)
    let begun = file.progress.completions
    if begun > 0 {
      log.info("continuing after \(Format.count(begun)) of \(Format.count(run.totalCompletions, "completion"))")
    }

    let progress = try generate(run, to: file, console, log)
    let refused = progress.refused.sorted { $0.key < $1.key }
      .map { ", \(CompletionError.flag($0.key)) refused \(Format.count($0.value))" }
    log.info(
      """
      wrote \(output): \(Format.count(progress.kept)) of \
      \(Format.count(progress.completions, "completion"))\(refused.joined()), \
      \(Format.count(progress.tokens, "token")) in \(Format.time(progress.seconds))
      """)
    if json { try StandardOutput.write(json: Summary(output: output, prompts: prompts.records.count, progress)) }
  }

  private func generate(
    _ run: CompletionRun, to file: CompletionFile, _ console: Console, _ log: Logger
  ) throws -> CompletionProgress {
    let interruption = Interruption { console.write("stopping; what has not ended will be made again") }
    var line = ProgressLine("completion", on: console, patience: .zero)
    defer { line.end() }
    let start = ContinuousClock.now
    let progress = try run.write(to: file, batchSize: batchSize) { event in
      line.show(
        event.completions, of: event.totalCompletions,
        details: ["\(Format.count(Int(Double(event.tokens) / (start.duration(to: .now) / .seconds(1))))) tokens/s"])
      return interruption.isRequested ? .stop : .proceed
    }
    line.end()
    guard progress.completions == run.totalCompletions else {
      log.notice(
        """
        stopped after \(Format.count(progress.completions)) of \
        \(Format.count(run.totalCompletions, "completion")); the same command with --resume goes on
        """)
      throw ExitCode(interruption.exitCode)
    }
    return progress
  }

  /// What `--json` prints with `--output`.
  private struct Summary: Encodable {
    let output: String
    let prompts, completions, kept: Int
    let refused: [String: Int]
    let tokens: Int
    let seconds, tokensPerSecond: Double

    init(output: String, prompts: Int, _ progress: CompletionProgress) {
      self.output = output
      self.prompts = prompts
      completions = progress.completions
      kept = progress.kept
      refused = progress.refused
      tokens = progress.tokens
      seconds = progress.seconds
      tokensPerSecond = Double(progress.tokens) / max(progress.seconds, 1e-9)
    }
  }
}
