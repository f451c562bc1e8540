/// Why a continuation ended.
public enum StopReason: Sendable, Equatable {
  /// The model ended the text with EOS.
  case endOfText
  /// The text came to this stop string.
  case stopString(String)
  /// As many tokens as were asked for.
  case maxTokens
  /// Prompt and continuation together fill the model's context.
  case contextFull
  /// The handler said so.
  case handler

  /// What files and reports call it: `end_of_text`, `stop_string`, `max_tokens`, `context_full` or `interrupted`.
  public var name: String {
    switch self {
    case .endOfText: "end_of_text"
    case .stopString: "stop_string"
    case .maxTokens: "max_tokens"
    case .contextFull: "context_full"
    case .handler: "interrupted"
    }
  }
}

/// The continuation of a prompt.
public struct Generation: Sendable, Equatable {
  /// The text that continues the prompt, up to where it ended; without the stop string.
  public var text = ""
  /// All tokens that were generated, with EOS and those of a stop string.
  public var tokenIDs: [Int32] = []
  /// The logarithm of each one's probability, in nats, in the model's own distribution: at temperature 1, with no token
  /// left out by the way of sampling.
  public var logProbabilities: [Float] = []
  /// Why it ended.
  public var stopReason: StopReason
  /// The number of tokens of the prompt, with BOS.
  public var promptTokenCount: Int
  /// What it took to compute the prompt, and those that were computed together with it, in seconds.
  public var promptSeconds: Double
  /// What it took from there to the last token, in seconds; other sequences of the batch were computed in that time,
  /// too.
  public var generationSeconds: Double
  /// What came of the draft; `nil` without one.
  public var speculation: SpeculationStatistics?
}

/// New text of one of the sequences that are being generated.
public struct GenerationEvent: Sendable, Equatable {
  /// Which prompt it continues, counted from 0.
  public var prompt: Int
  /// The text that has become certain with the last token: whole characters, nothing that may yet turn out to be a stop
  /// string. Often empty; all texts of a prompt, joined, are `Generation.text`.
  public var text: String
}

/// What to do after an event.
public enum GenerationDirective: Sendable {
  /// Go on.
  case proceed
  /// End this prompt's continuation here.
  case stop
}
