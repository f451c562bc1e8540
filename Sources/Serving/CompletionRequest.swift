import DurableFiles

/// A request to `/v1/completions`.
struct CompletionRequest: Sendable {
  private static let names =
    GenerationSettings.names + ["prompt", "logprobs", "echo", "best_of"]
  /// What OpenAI generates where a request does not say.
  private static let usualTokens = 16
  /// The most alternatives to each token.
  static let alternativesLimit = 20

  /// What a text begins with.
  enum Prompt: Sendable, Equatable {
    case text(String)
    case ids([Int])
  }

  /// One or more prompts.
  let prompts: [Prompt]
  /// The tokens to generate for each choice; 0 where only the prompt is of interest.
  let maxTokens: Int
  /// How many alternatives to tell of each token; nil where log-probabilities are not wanted.
  let logprobs: Int?
  /// Whether the prompt is part of the text.
  let echo: Bool
  let settings: GenerationSettings

  /// Reads the fields; `randomSeed` is what a request without `seed` gets.
  init(_ fields: RequestFields, randomSeed: UInt64) throws(ServerError) {
    try fields.refuseOthers(than: Self.names)
    prompts = try Self.prompts(fields)
    maxTokens = try fields.integer("max_tokens", in: 0 ... .max) ?? Self.usualTokens
    logprobs = try fields.integer("logprobs", in: 0...Self.alternativesLimit)
    echo = try fields.bool("echo")
    settings = try GenerationSettings(fields, randomSeed: randomSeed)
    let best = try fields.integer("best_of", in: 1 ... .max) ?? settings.choiceCount
    if best != settings.choiceCount {
      throw fields.error("best_of", expected: "n, \(settings.choiceCount): choices are not ranked")
    }
  }

  private static func prompts(_ fields: RequestFields) throws(ServerError) -> [Prompt] {
    let expected = "a string, a list of token ids, or a list of either"
    switch fields["prompt"] {
    case .string(let text): return [.text(text)]
    case .array(let values):
      if let ids = ids(values) { return [.ids(ids)] }
      var prompts: [Prompt] = []
      for value in values {
        if case .string(let text) = value {
          prompts.append(.text(text))
        } else if case .array(let values) = value, let ids = ids(values) {
          prompts.append(.ids(ids))
        } else {
          throw fields.error("prompt", expected: expected)
        }
      }
      if prompts.isEmpty { throw fields.error("prompt", expected: expected) }
      return prompts
    default: throw fields.error("prompt", expected: expected)
    }
  }

  /// Values that are all whole numbers, at least one; else nil.
  private static func ids(_ values: [JSONValue]) -> [Int]? {
    var ids: [Int] = []
    for value in values {
      guard case .integer(let id) = value else { return nil }
      ids.append(id)
    }
    return ids.isEmpty ? nil : ids
  }
}
