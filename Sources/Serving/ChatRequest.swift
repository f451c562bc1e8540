import DurableFiles
import Tokenization

/// A request to `/v1/chat/completions`.
struct ChatRequest: Sendable {
  private static let names =
    GenerationSettings.names + ["messages", "max_completion_tokens", "logprobs", "top_logprobs"]

  /// What was said; the last message is a user's.
  let messages: [ChatMessage]
  /// The tokens to generate for each answer; nil for as many as the context holds.
  let maxTokens: Int?
  /// How many alternatives to tell of each token; nil where log-probabilities are not wanted.
  let logprobs: Int?
  let settings: GenerationSettings

  /// Reads the fields; `randomSeed` is what a request without `seed` gets.
  init(_ fields: RequestFields, randomSeed: UInt64) throws(ServerError) {
    try fields.refuseOthers(than: Self.names)
    guard case .array(let values) = fields["messages"], !values.isEmpty else {
      throw fields.error("messages", expected: "a list of at least one message")
    }
    var messages: [ChatMessage] = []
    for (index, value) in values.enumerated() {
      messages.append(try Self.message(value, path: fields.path(of: "messages[\(index)]")))
    }
    guard messages.last?.role == .user else {
      throw .invalid(
        "messages", expected: "the last message to be a user's",
        found: "one of the \(messages.last?.role.rawValue ?? "")")
    }
    self.messages = messages
    let newer = try fields.integer("max_completion_tokens", in: 1 ... .max)
    let older = try fields.integer("max_tokens", in: 1 ... .max)
    maxTokens = newer ?? older
    let alternatives = try fields.integer("top_logprobs", in: 0...CompletionRequest.alternativesLimit)
    let wantsThem = try fields.bool("logprobs")
    if alternatives != nil, !wantsThem {
      throw fields.error("top_logprobs", expected: "nothing without logprobs")
    }
    logprobs = wantsThem ? alternatives ?? 0 : nil
    settings = try GenerationSettings(fields, randomSeed: randomSeed)
  }

  private static func message(_ value: JSONValue, path: String) throws(ServerError) -> ChatMessage {
    guard case .object(let members) = value else {
      throw .invalid(path, expected: "an object with role and content", found: value.description)
    }
    let fields = RequestFields(members, path: path + ".")
    try fields.refuseOthers(than: ["role", "content"])
    let role: ChatMessage.Role? =
      switch try fields.string("role") {
      // what OpenAI's newer models call the system
      case "developer": .system
      case let name?: ChatMessage.Role(rawValue: name)
      case nil: nil
      }
    guard let role else { throw fields.error("role", expected: "system, user or assistant") }
    return ChatMessage(role, try content(fields))
  }

  /// A message's text, which may come in parts.
  private static func content(_ fields: RequestFields) throws(ServerError) -> String {
    switch fields["content"] {
    case .string(let text): return text
    case .array(let parts):
      var text = ""
      for (index, part) in parts.enumerated() {
        let path = fields.path(of: "content[\(index)]")
        guard case .object(let members) = part else {
          throw .invalid(path, expected: "an object with type and text", found: part.description)
        }
        let part = RequestFields(members, path: path + ".")
        try part.refuseOthers(than: ["type", "text"])
        guard try part.string("type") == "text" else { throw part.error("type", expected: "text") }
        guard let words = try part.string("text") else { throw part.error("text", expected: "a string") }
        text += words
      }
      return text
    default: throw fields.error("content", expected: "a string, or a list of parts")
    }
  }
}
