import Diagnostics

/// How completions of prompts are made: all that decides what they are, besides model and prompts.
public struct CompletionSettings: Sendable {
  /// Completions of each prompt.
  public var samples: Int
  /// How tokens are chosen.
  public var sampling: Sampling
  /// The most tokens of a completion.
  public var maxTokens: Int
  /// Strings at which a completion ends; they are not part of it.
  public var stop: [String]
  /// The same seed gives the same completions.
  public var seed: UInt64
  /// Which completions are kept.
  public var filters: CompletionFilters
  /// Whether the log-probabilities of all tokens are written, too.
  public var includesTokens: Bool

  /// The settings, as the properties say.
  public init(
    samples: Int = 1, sampling: Sampling = Sampling(), maxTokens: Int = 256, stop: [String] = [], seed: UInt64 = 0,
    filters: CompletionFilters = CompletionFilters(), includesTokens: Bool = false
  ) {
    self.samples = samples
    self.sampling = sampling
    self.maxTokens = maxTokens
    self.stop = stop
    self.seed = seed
    self.filters = filters
    self.includesTokens = includesTokens
  }

  /// Throws `value` or `generation` for the first value that cannot be.
  func validate() throws(CompletionError) {
    guard samples >= 1 else { throw .value(InvalidValue("--samples", expected: "at least 1", found: "\(samples)")) }
    guard maxTokens >= 1 else {
      throw .value(InvalidValue("--max-tokens", expected: "at least 1", found: "\(maxTokens)"))
    }
    guard !stop.contains("") else {
      throw .value(InvalidValue("--stop", expected: "texts of at least one character", found: "an empty one"))
    }
    do { try sampling.validate() } catch { throw .generation(error) }
    try filters.validate(maxTokens: maxTokens)
  }

  /// What distinguishes these settings from others, by the names of the command's flags in snake_case.
  var description: [String: String] {
    let own = [
      "samples": "\(samples)", "max_tokens": "\(maxTokens)", "stop": "\(stop)", "seed": "\(seed)",
      "temperature": "\(sampling.temperature)", "top_k": "\(sampling.topK)", "top_p": "\(sampling.topP)",
      "min_p": "\(sampling.minP)", "repetition_penalty": "\(sampling.repetitionPenalty)",
      "with_tokens": "\(includesTokens)",
    ]
    return own.merging(filters.description) { own, _ in own }
  }
}
