import DurableFiles
import Tokenization

/// How OpenAI writes the texts that a request has asked for: as one object, or as a stream of them.
protocol ReplyFormat: Sendable {
  /// Who has asked, and whom.
  var header: ReplyHeader { get }
  /// What `object` says of a whole reply.
  static var wholeName: String { get }
  /// What `object` says of a part of a stream.
  static var partName: String { get }
  /// A choice of the whole reply.
  func choice(_ index: Int, _ choice: ChoicePart) -> JSONValue
  /// What a stream begins with.
  func firstParts(count: Int) -> [JSONValue]
  /// A choice of a part of a stream.
  func part(_ index: Int, _ part: ChoicePart) -> JSONValue
}

/// What all objects of a reply have in common.
struct ReplyHeader: Sendable {
  let id: String
  /// Seconds since 1970.
  let created: Int
  let model: String
  /// The tokens of all prompts, each counted once.
  let promptTokenCount: Int
  /// Whether log-probabilities were asked for.
  let hasLogProbabilities: Bool

  /// The number of tokens, as OpenAI writes it.
  func usage(generated: Int) -> JSONValue {
    .object([
      "prompt_tokens": .integer(promptTokenCount), "completion_tokens": .integer(generated),
      "total_tokens": .integer(promptTokenCount + generated),
    ])
  }
}

extension ReplyFormat {
  /// The reply as one object.
  func whole(_ choices: [Choice]) -> JSONValue {
    object(
      Self.wholeName,
      choices: choices.enumerated().map { choice($0, $1.whole) },
      usage: header.usage(generated: choices.reduce(0) { $0 + $1.generatedCount }))
  }

  /// A part of a stream; `usage` is nil for one without.
  func part(choices: [JSONValue], usage: JSONValue?) -> JSONValue {
    object(Self.partName, choices: choices, usage: usage)
  }

  private func object(_ name: String, choices: [JSONValue], usage: JSONValue?) -> JSONValue {
    var members: [String: JSONValue] = [
      "id": .string(header.id), "object": .string(name), "created": .integer(header.created),
      "model": .string(header.model), "choices": .array(choices),
    ]
    members["usage"] = usage
    return .object(members)
  }
}

extension ListedAlternative {
  /// JSON has no −∞: OpenAI writes this.
  static func json(_ logProbability: Float) -> JSONValue {
    .number(logProbability.isFinite ? Double(logProbability) : -9999)
  }
}

/// Texts, as `/v1/completions` writes them.
struct CompletionFormat: ReplyFormat {
  static let wholeName = "text_completion"
  static let partName = "text_completion"
  let header: ReplyHeader

  func firstParts(count: Int) -> [JSONValue] { [] }

  func part(_ index: Int, _ part: ChoicePart) -> JSONValue { choice(index, part) }

  func choice(_ index: Int, _ choice: ChoicePart) -> JSONValue {
    .object([
      "index": .integer(index), "text": .string(choice.text),
      "logprobs": header.hasLogProbabilities ? logProbabilities(choice.tokens) : .null,
      "finish_reason": choice.end.map { .string($0.rawValue) } ?? .null,
    ])
  }

  private func logProbabilities(_ tokens: [ListedToken]) -> JSONValue {
    .object([
      "tokens": .array(tokens.map { .string($0.text) }),
      "token_logprobs": .array(tokens.map { $0.logProbability.map(ListedAlternative.json) ?? .null }),
      "top_logprobs": .array(tokens.map(alternatives)),
      "text_offset": .array(tokens.map { .integer($0.offset) }),
    ])
  }

  /// The most probable tokens and the token itself, by what they are shown as; of several that look the same, the most
  /// probable one.
  private func alternatives(_ token: ListedToken) -> JSONValue {
    guard let own = token.logProbability else { return .null }
    var members: [String: JSONValue] = [:]
    for other in token.alternatives + [ListedAlternative(text: token.text, logProbability: own)]
    where members[other.text] == nil {
      members[other.text] = ListedAlternative.json(other.logProbability)
    }
    return .object(members)
  }
}

/// Answers, as `/v1/chat/completions` writes them.
struct ChatReplyFormat: ReplyFormat {
  static let wholeName = "chat.completion"
  static let partName = "chat.completion.chunk"
  let header: ReplyHeader

  func choice(_ index: Int, _ choice: ChoicePart) -> JSONValue {
    json(
      index, "message",
      .object(["role": .string("assistant"), "content": .string(choice.text), "refusal": .null]), choice)
  }

  func firstParts(count: Int) -> [JSONValue] {
    (0..<count).map {
      json($0, "delta", .object(["role": .string("assistant"), "content": .string("")]), ChoicePart())
    }
  }

  func part(_ index: Int, _ part: ChoicePart) -> JSONValue {
    json(index, "delta", .object(part.text.isEmpty ? [:] : ["content": .string(part.text)]), part)
  }

  private func json(_ index: Int, _ name: String, _ message: JSONValue, _ choice: ChoicePart) -> JSONValue {
    .object([
      "index": .integer(index), name: message,
      "logprobs": header.hasLogProbabilities
        ? .object(["content": .array(choice.tokens.map(logProbability)), "refusal": .null]) : .null,
      "finish_reason": choice.end.map { .string($0.rawValue) } ?? .null,
    ])
  }

  private func logProbability(_ token: ListedToken) -> JSONValue {
    // a token may be a part of a character: its bytes are not told
    func json(_ text: String, _ logProbability: Float?, _ more: [String: JSONValue] = [:]) -> JSONValue {
      .object(
        [
          "token": .string(text), "bytes": .null,
          "logprob": logProbability.map(ListedAlternative.json) ?? .null,
        ].merging(more) { $1 })
    }
    return json(
      token.text, token.logProbability,
      ["top_logprobs": .array(token.alternatives.map { json($0.text, $0.logProbability) })])
  }
}
