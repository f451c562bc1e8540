import Diagnostics

/// Which completions are kept. A filter that is nil or false keeps all.
public struct CompletionFilters: Sendable {
  /// The fewest tokens, EOS included.
  public var minTokens: Int?
  /// The most tokens, EOS included.
  public var maxTokens: Int?
  /// The least mean log-probability of the tokens, in nats.
  public var meanLogProbability: Double?
  /// Whether a completion must have ended by itself, with EOS or a stop string, rather than being cut off.
  public var requiresEnd: Bool
  /// What the completion's text must match.
  public var matching: AnswerPattern?

  /// The filters, as the properties say; none by default.
  public init(
    minTokens: Int? = nil, maxTokens: Int? = nil, meanLogProbability: Double? = nil, requiresEnd: Bool = false,
    matching: AnswerPattern? = nil
  ) {
    self.minTokens = minTokens
    self.maxTokens = maxTokens
    self.meanLogProbability = meanLogProbability
    self.requiresEnd = requiresEnd
    self.matching = matching
  }

  /// The names of the filters that refuse a completion of `record`: those of the command's flags in snake_case.
  func refusals(_ generation: Generation, of record: PromptRecord) -> [String] {
    var names: [String] = []
    if let minTokens, generation.tokenIDs.count < minTokens { names.append("keep_min_tokens") }
    if let maxTokens, generation.tokenIDs.count > maxTokens { names.append("keep_max_tokens") }
    if let meanLogProbability, generation.meanLogProbability < meanLogProbability {
      names.append("keep_mean_log_probability")
    }
    if requiresEnd, !generation.hasEnded { names.append("keep_ended") }
    if let matching, !matching.accepts(generation.text, of: record) { names.append("keep_matching") }
    return names
  }

  /// Refuses filters that nothing could pass; `maxTokens` is the most that will be generated. Throws `value`.
  func validate(maxTokens limit: Int) throws(CompletionError) {
    if let minTokens {
      let most = min(limit, maxTokens ?? limit)
      guard (0...most).contains(minTokens) else {
        throw .value(
          InvalidValue(
            "--keep-min-tokens", expected: "a number from 0 to \(most), the most tokens of a completion that is kept",
            found: "\(minTokens)"))
      }
    }
    if let maxTokens, maxTokens < 1 {
      throw .value(InvalidValue("--keep-max-tokens", expected: "at least 1", found: "\(maxTokens)"))
    }
    if let meanLogProbability, !(meanLogProbability <= 0 && meanLogProbability.isFinite) {
      throw .value(
        InvalidValue(
          "--keep-mean-log-probability", expected: "a number of at most 0, as logarithms of probabilities are",
          found: "\(meanLogProbability)"))
    }
  }

  /// What distinguishes these filters from others, by the names of the command's flags in snake_case.
  var description: [String: String] {
    var values: [String: String] = [:]
    values["keep_min_tokens"] = minTokens.map { "\($0)" }
    values["keep_max_tokens"] = maxTokens.map { "\($0)" }
    values["keep_mean_log_probability"] = meanLogProbability.map { "\($0)" }
    if requiresEnd { values["keep_ended"] = "true" }
    values["keep_matching"] = matching?.pattern
    values["reference"] = matching?.referenceField
    return values
  }
}

extension Generation {
  /// The sum of the tokens' log-probabilities, in nats.
  public var logProbability: Double { logProbabilities.reduce(0) { $0 + Double($1) } }

  /// The mean of the tokens' log-probabilities, in nats; 0 without tokens.
  public var meanLogProbability: Double { logProbability / Double(max(1, logProbabilities.count)) }

  /// Whether the text came to its end, rather than being cut off.
  public var hasEnded: Bool {
    switch stopReason {
    case .endOfText, .stopString: true
    case .maxTokens, .contextFull, .handler: false
    }
  }
}
