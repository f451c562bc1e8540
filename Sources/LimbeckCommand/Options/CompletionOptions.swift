import ArgumentParser
import TextGeneration

/// Writing completions to a file, and which of them.
struct CompletionOptions: ParsableArguments {
  /// See `OptionGroups`.
  static let needs = Dictionary(
    uniqueKeysWithValues: [
      "resume", "samples", "with-tokens", "keep-min-tokens", "keep-max-tokens", "keep-mean-log-probability",
      "keep-ended", "keep-matching",
    ].map { ($0, ["output"]) }
  ).merging(["reference": ["output", "keep-matching"]]) { $1 }

  @Option(help: ArgumentHelp("Write completions to this JSON Lines file instead of printing them.", valueName: "file"))
  var output: String?
  @Flag(help: "Continue the file of --output.")
  var resume = false
  @Option(parsing: .unconditional, help: ArgumentHelp("Completions for each prompt (default: 1).", valueName: "n"))
  var samples: Int?
  @Flag(help: "Also write token_log_probabilities.")
  var withTokens = false
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Keep completions of at least n tokens, EOS included.", valueName: "n"))
  var keepMinTokens: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Keep completions of at most n tokens, EOS included.", valueName: "n"))
  var keepMaxTokens: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Keep completions with a mean log-probability of at least x nats.", valueName: "x"))
  var keepMeanLogProbability: Double?
  @Flag(help: "Keep completions that ended with EOS or a --stop text.")
  var keepEnded = false
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Keep completions in which a regular expression matches.", valueName: "regex"))
  var keepMatching: String?
  @Option(
    help: ArgumentHelp(
      "Keep completions whose answer, the first capture of --keep-matching, is that of this key of the row.",
      valueName: "key"))
  var reference: String?

  func validate() throws {
    if let output { try ValidationError.requirePath(output, "output") }
    if let samples, samples < 1 { throw ValidationError("samples", expected: "at least 1", found: samples) }
  }

  var filters: CompletionFilters {
    get throws(CompletionError) {
      var filters = CompletionFilters(
        minTokens: keepMinTokens, maxTokens: keepMaxTokens, meanLogProbability: keepMeanLogProbability,
        requiresEnd: keepEnded)
      if let keepMatching { filters.matching = try AnswerPattern(keepMatching, reference: reference) }
      return filters
    }
  }
}
