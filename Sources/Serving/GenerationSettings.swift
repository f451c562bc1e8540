import Diagnostics
import DurableFiles
import TextGeneration

/// What completions and chats have in common: how tokens are chosen, how many texts there are, and where they end.
struct GenerationSettings: Sendable {
  /// The fields that it is read from.
  static let names = [
    "model", "max_tokens", "temperature", "top_p", "n", "seed", "stop", "stream", "stream_options", "presence_penalty",
    "frequency_penalty", "user", "top_k", "min_p", "repetition_penalty",
  ]
  /// As many as OpenAI allows.
  private static let choiceLimit = 128
  private static let stopLimit = 4
  /// The bytes of a stop string: a sequence keeps a copy of each.
  private static let stopBytes = 1_024

  let sampling: Sampling
  let frequencyPenalty: Double
  let presencePenalty: Double
  /// How many texts for each prompt.
  let choiceCount: Int
  let seed: UInt64
  /// Strings at which a text ends.
  let stop: [String]
  /// Whether the texts are sent while they grow.
  let streams: Bool
  /// Whether a stream ends with the number of tokens.
  let streamsUsage: Bool

  /// Reads the fields; `randomSeed` is what a request without `seed` gets.
  init(_ fields: RequestFields, randomSeed: UInt64) throws(ServerError) {
    sampling = Sampling(
      temperature: try fields.number("temperature") ?? 1,
      topK: try fields.integer("top_k", in: 0 ... .max) ?? 0,
      topP: try fields.number("top_p") ?? 1,
      minP: try fields.number("min_p") ?? 0,
      repetitionPenalty: try fields.number("repetition_penalty") ?? 1)
    frequencyPenalty = try fields.number("frequency_penalty") ?? 0
    presencePenalty = try fields.number("presence_penalty") ?? 0
    choiceCount = try fields.integer("n", in: 1...Self.choiceLimit) ?? 1
    seed = try fields.integer("seed").map { UInt64(bitPattern: Int64($0)) } ?? randomSeed
    stop = try Self.stop(fields)
    streams = try fields.bool("stream")
    let options = try fields.object("stream_options")
    if let options {
      guard streams else { throw fields.error("stream_options", expected: "nothing without stream") }
      try options.refuseOthers(than: ["include_usage"])
    }
    streamsUsage = try options?.bool("include_usage") ?? false
    _ = try fields.string("user")
    _ = try sampler(promptCount: 0)
  }

  private static func stop(_ fields: RequestFields) throws(ServerError) -> [String] {
    let expected = "a string, or at most \(stopLimit), none of them empty or of more than \(stopBytes) bytes"
    var stop: [String] = []
    switch fields["stop"] {
    case nil: break
    case .string(let text): stop = [text]
    case .array(let values):
      for value in values {
        guard case .string(let text) = value else { throw fields.error("stop", expected: expected) }
        stop.append(text)
      }
    default: throw fields.error("stop", expected: expected)
    }
    guard stop.count <= stopLimit, stop.allSatisfy({ (1...stopBytes).contains($0.utf8.count) }) else {
      throw fields.error("stop", expected: expected)
    }
    return stop
  }

  /// What chooses the tokens that follow a prompt of so many.
  func sampler(promptCount: Int) throws(ServerError) -> TokenSampler {
    do throws(GenerationError) {
      let sampler = try sampling.sampler()
      let penalty = try OccurrencePenalty(
        frequency: frequencyPenalty, presence: presencePenalty, promptCount: promptCount)
      if frequencyPenalty == 0, presencePenalty == 0 { return sampler }
      return TokenSampler([penalty] + sampler.processors, isGreedy: sampler.isGreedy)
    } catch {
      throw ServerError(error)
    }
  }
}
