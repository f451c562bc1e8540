import Diagnostics
import DurableFiles
import Foundation
import TensorCore
import Tokenization

/// How far a run has come, sequences that are still being generated included.
public struct CompletionEvent: Sendable {
  /// Completions that have ended, those of earlier runs included.
  public var completions: Int
  /// Prompts times samples.
  public var totalCompletions: Int
  /// Tokens generated since this run began or was continued.
  public var tokens: Int
}

/// Samples completions of prompts and writes them to a file of JSON Lines, to be trained on: sequence-level
/// distillation (Kim & Rush 2016) and, with filters, rejection sampling as for DeepSeek-R1's students.
///
/// ```swift
/// let run = try CompletionRun(generator, PromptFile(contentsOf: prompts), CompletionSettings(samples: 4))
/// let file = try CompletionFile(creating: output, inputs: run.inputs)
/// try run.write(to: file)
/// ```
///
/// A line has the ids of prompt and completion beside their texts, so that what is trained on are exactly the tokens
/// that the model made.
///
/// Every completion has random numbers of its own, from the seed, its prompt and its number, and lines are written in
/// the order of prompts and samples: the file does not depend on the batch size, on threads, or on interruptions.
public struct CompletionRun {
  /// Prompts times samples.
  public let totalCompletions: Int
  /// No machine makes more.
  private static let mostCompletions = Int(Int32.max)

  private let generator: Generator
  private let prompts: PromptFile
  private let settings: CompletionSettings
  private let promptIDs: [[Int32]]
  private let sampler: TokenSampler

  /// Checks everything that can be checked before anything is generated.
  /// - Parameters:
  ///   - generator: what continues the prompts.
  ///   - prompts: what is continued.
  ///   - settings: how.
  /// - Throws: `value`, `promptTooLong`, `emptyPrompt`, `noReference` or `generation`.
  public init(
    _ generator: Generator, _ prompts: PromptFile, _ settings: CompletionSettings
  ) throws(CompletionError) {
    try settings.validate()
    do { sampler = try settings.sampling.sampler() } catch { throw .generation(error) }
    for record in prompts.records { try settings.filters.matching?.requireReference(in: record) }
    self.generator = generator
    self.prompts = prompts
    self.settings = settings
    promptIDs = try prompts.ids(generator.tokenizer, contextLength: generator.contextLength)
    let (total, overflows) = promptIDs.count.multipliedReportingOverflow(by: settings.samples)
    guard !overflows, total <= Self.mostCompletions else {
      throw .value(
        InvalidValue(
          "--samples",
          expected: "at most \(Self.mostCompletions / promptIDs.count) for \(counted(promptIDs.count, "prompt"))",
          found: "\(settings.samples)"))
    }
    totalCompletions = total
    if let minTokens = settings.filters.minTokens, let shortest = promptIDs.map(\.count).min() {
      let most = generator.contextLength - shortest
      guard minTokens <= most else {
        throw .value(
          InvalidValue(
            "--keep-min-tokens", expected: "at most \(most), which the model's context leaves the shortest prompt",
            found: "\(minTokens)"))
      }
    }
  }

  /// What the file depends on besides the model: to be recorded in it, with a digest of the model.
  public var inputs: [String: String] {
    var inputs = settings.description
    inputs["prompts"] = prompts.digest
    // files begun before there was a choice do not name it
    if generator.precision != .float32 { inputs["precision"] = generator.precision.rawValue }
    if generator.cachePrecision != .float32 { inputs["cache_precision"] = generator.cachePrecision.rawValue }
    return inputs
  }

  /// Generates what the file does not have yet.
  /// - Parameters:
  ///   - file: where the completions go.
  ///   - batchSize: the most completions to compute together, at least 1.
  ///   - handler: called after every token; on `.stop` the completions that have ended are written, and the call
  ///     returns.
  /// - Returns: how far the file has come.
  /// - Throws: `nothingKept` where the filters refused all, after the empty file was removed; `file` or `generation`.
  @discardableResult
  public func write(
    to file: CompletionFile, batchSize: Int = 16,
    _ handler: (CompletionEvent) -> GenerationDirective = { _ in .proceed }
  ) throws(CompletionError) -> CompletionProgress {
    let first = file.progress.completions
    var event = CompletionEvent(completions: first, totalCompletions: totalCompletions, tokens: 0)
    // Completions that have ended before an earlier one has.
    var waiting: [Int: Generation] = [:]
    var failure: CompletionError?
    var isStopped = false
    let requests = (0..<totalCompletions - first).lazy.map { request(first + $0) }
    do {
      try generator.run(
        requests, maxTokens: settings.maxTokens, stop: settings.stop, batchSize: batchSize,
        isRepeatable: true,
        event: { _, _ in
          event.tokens += 1
          if handler(event) == .stop { isStopped = true }
          return failure == nil && !isStopped ? .proceed : .cancel
        },
        completed: { index, generation in
          event.completions += 1
          waiting[first + index] = generation
          do throws(CompletionError) {
            while let next = waiting.removeValue(forKey: file.progress.completions) { try append(next, to: file) }
            try file.recordIfDue()
          } catch {
            failure = failure ?? error
          }
        })
    } catch {
      throw .generation(error)
    }
    if let failure { throw failure }
    guard file.progress.completions == totalCompletions else {
      try file.record()
      return file.progress
    }
    guard file.progress.kept > 0 else {
      try file.remove()
      throw .nothingKept(completions: totalCompletions, refused: file.progress.refused)
    }
    try file.finish()
    return file.progress
  }

  private func request(_ completion: Int) -> DecodingRequest {
    let (prompt, sample) = completion.quotientAndRemainder(dividingBy: settings.samples)
    return generator.request(
      promptIDs[prompt], sampler, SeededGenerator(seed: settings.seed, stream: prompt, sample),
      maxTokens: settings.maxTokens)
  }

  private func append(_ generation: Generation, to file: CompletionFile) throws(CompletionError) {
    let (prompt, sample) = file.progress.completions.quotientAndRemainder(dividingBy: settings.samples)
    let record = prompts.records[prompt]
    let refusals = settings.filters.refusals(generation, of: record)
    try file.append(
      refusals.isEmpty ? line(generation, of: prompt, sample: sample) : nil, tokens: generation.tokenIDs.count,
      refusals: refusals)
  }

  private func line(_ generation: Generation, of prompt: Int, sample: Int) -> String {
    let record = prompts.records[prompt]
    // as few digits as give the float32 again
    func number(_ value: Float) -> JSONValue { .number(Double(value.description) ?? Double(value)) }
    var members: [String: JSONValue] = [
      "prompt": .string(record.prompt), "completion": .string(generation.text), "sample": .integer(sample),
      "tokens": .integer(generation.tokenIDs.count), "log_probability": number(Float(generation.logProbability)),
      "mean_log_probability": number(Float(generation.meanLogProbability)),
      "stop_reason": .string(generation.stopReason.name),
    ]
    let tokenizer = generator.tokenizer
    let beginning = promptIDs[prompt].first == tokenizer.bosID ? 1 : 0
    let recorded = RecordedCompletion(
      tokenizer, prompt: Array(promptIDs[prompt].dropFirst(beginning)), completion: generation.tokenIDs)
    members.merge(recorded.row) { own, _ in own }
    if !record.fields.isEmpty { members["record"] = .object(record.fields) }
    if settings.includesTokens {
      members["token_log_probabilities"] = .array(generation.logProbabilities.map(number))
    }
    return JSONValue.object(members).text() + "\n"
  }
}
