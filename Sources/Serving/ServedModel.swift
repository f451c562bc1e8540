import TensorCore
package import TextGeneration
package import Tokenization

/// What requests are made into sequences with: all that a server knows of its model, but the weights.
package struct ServedModel: Sendable {
  /// How chats are written as the model has learnt it, or why they are not.
  package enum Chat: Sendable {
    /// In this format.
    case format(ChatFormat)
    /// The model has no template, or none that is known; the text says so.
    case refused(String)
  }

  /// What clients call it.
  let name: String
  /// When the server was started, in seconds since 1970: what OpenAI says of a model's birth.
  let created: Int
  let tokenizer: any Tokenizer
  let contextLength: Int
  /// V, the model's outputs: more than the tokenizer's tokens, perhaps.
  let vocabularySize: Int
  let endIDs: Set<Int32>
  let chat: Chat
  /// The bytes that a text within the context has at most; nil where a token may stand for any number of them.
  private let textLimit: Int?

  /// What a server knows of a generator's model.
  /// - Parameters:
  ///   - name: what clients call it.
  ///   - created: seconds since 1970.
  ///   - generator: what continues texts.
  ///   - chat: how chats are written.
  package init(name: String, created: Int, _ generator: Generator, chat: Chat) {
    self.name = name
    self.created = created
    tokenizer = generator.tokenizer
    contextLength = generator.contextLength
    vocabularySize = generator.vocabularySize
    endIDs = generator.endIDs
    self.chat = chat
    textLimit = generator.tokenizer.longestToken.flatMap {
      let (bytes, overflows) = $0.multipliedReportingOverflow(by: generator.contextLength)
      return overflows ? nil : bytes
    }
  }

  /// Throws where a request names another model.
  func requireName(_ fields: RequestFields) throws(ServerError) {
    if let other = try fields.string("model") { try requireName(other) }
  }

  /// Throws where a request asks for another model.
  func requireName(_ other: String) throws(ServerError) {
    if other == name { return }
    throw ServerError(
      status: 404, message: "model: expected \(name), found \(other.shortened)", param: "model", code: "model_not_found"
    )
  }
}

/// A prompt as a sequence begins with it.
struct ServedPrompt: Sendable {
  /// The tokens, with a BOS that was put in front.
  let ids: [Int32]
  /// The first token that the client knows of: 1 behind such a BOS, else 0.
  let firstListed: Int
  /// The text, as the client gave it.
  let text: String
}

/// A sequence that is to be computed.
struct PlannedSequence: Sendable {
  /// How it begins, and how it is continued.
  var request: DecodingRequest
  /// The tokens to generate; with 0 nothing is, whatever the request says.
  var maxTokens: Int
  /// Strings at which its text ends.
  var stop: [String]
  /// Whether the prompt's log-probabilities are wanted.
  var scoresPrompt: Bool
}

extension ServedModel {
  /// The prompts of a request. Throws for one that does not fit.
  func prompts(_ request: CompletionRequest) throws(ServerError) -> [ServedPrompt] {
    var prompts: [ServedPrompt] = []
    for (index, prompt) in request.prompts.enumerated() {
      let name = request.prompts.count == 1 ? "prompt" : "prompt[\(index)]"
      prompts.append(try self.prompt(prompt, name))
    }
    return prompts
  }

  private func prompt(_ prompt: CompletionRequest.Prompt, _ name: String) throws(ServerError) -> ServedPrompt {
    switch prompt {
    case .text(let text):
      // not even made into tokens
      if let textLimit, text.utf8.count > textLimit { throw tooLong(name, found: "\(text.utf8.count) bytes") }
      let ids = tokenizer.encode(prompts: [text])[0]
      guard !ids.isEmpty else {
        throw .invalid(name, expected: "some text, for the tokenizer has no BOS to start from", found: "none")
      }
      try requireFit(ids.count, name)
      return ServedPrompt(ids: ids, firstListed: tokenizer.bosID == nil ? 0 : 1, text: text)
    case .ids(let numbers):
      try requireFit(numbers.count, name)
      if let number = numbers.first(where: { !(0..<vocabularySize).contains($0) }) {
        throw .invalid(name, expected: "token ids from 0 to \(vocabularySize - 1)", found: "\(number)")
      }
      let ids = numbers.map { Int32($0) }
      return ServedPrompt(ids: ids, firstListed: 0, text: tokenizer.decode(ids))
    }
  }

  /// The prompt that asks for an answer in a chat. Throws where the model knows no chats, or it does not fit.
  func prompt(_ request: ChatRequest) throws(ServerError) -> ServedPrompt {
    let ids = tokenizer.ids(asking: request.messages, try format())
    guard !ids.isEmpty else { throw .invalid("messages", expected: "some text", found: "none") }
    try requireFit(ids.count, "messages")
    return ServedPrompt(ids: ids, firstListed: ids.count, text: "")
  }

  private func format() throws(ServerError) -> ChatFormat {
    switch chat {
    case .format(let format): format
    case .refused(let reason):
      throw ServerError(status: 400, message: reason, param: "messages", code: "chat_not_supported")
    }
  }

  private func requireFit(_ count: Int, _ name: String) throws(ServerError) {
    if count > contextLength { throw tooLong(name, found: "\(count)") }
  }

  private func tooLong(_ name: String, found: String) -> ServerError {
    .invalid(
      name, expected: "at most \(contextLength) tokens, the model's context", found: found,
      code: "context_length_exceeded")
  }

  /// The sequences of a completion: for each prompt, its choices.
  func sequences(
    _ request: CompletionRequest, _ prompts: [ServedPrompt], limit: Int?
  ) throws(ServerError) -> [PlannedSequence] {
    var sequences: [PlannedSequence] = []
    for (index, prompt) in prompts.enumerated() {
      sequences += try self.sequences(
        request.settings, prompt, index: index, maxTokens: request.maxTokens, limit: limit, logprobs: request.logprobs,
        end: nil, scoresPrompt: request.echo && request.logprobs != nil)
    }
    return sequences
  }

  /// The sequences of an answer in a chat: its choices.
  func sequences(
    _ request: ChatRequest, _ prompt: ServedPrompt, limit: Int?
  ) throws(ServerError) -> [PlannedSequence] {
    try sequences(
      request.settings, prompt, index: 0, maxTokens: request.maxTokens ?? .max, limit: limit,
      logprobs: request.logprobs, end: AnswerEnd(try format(), tokenizer), scoresPrompt: false)
  }

  private func sequences(
    _ settings: GenerationSettings, _ prompt: ServedPrompt, index: Int, maxTokens: Int, limit: Int?, logprobs: Int?,
    end: AnswerEnd?, scoresPrompt: Bool
  ) throws(ServerError) -> [PlannedSequence] {
    // the last token needs no place in the context
    let tokens = min(maxTokens, limit ?? .max, contextLength - prompt.ids.count + 1)
    let sampler = try settings.sampler(promptCount: prompt.ids.count)
    return (0..<settings.choiceCount).map { choice in
      PlannedSequence(
        request: DecodingRequest(
          ids: prompt.ids, sampler: sampler, generator: SeededGenerator(seed: settings.seed, stream: index, choice),
          maximumTokens: max(1, tokens), endIDs: endIDs.union(end?.ids ?? []),
          alternatives: min(logprobs ?? 0, vocabularySize)),
        maxTokens: tokens, stop: settings.stop + (end?.stop ?? []), scoresPrompt: scoresPrompt)
    }
  }
}

extension Tokenizer {
  /// The bytes of the longest token; nil where texts are not made of their tokens' bytes alone: spaces may be left out,
  /// or one token may stand for all that the vocabulary lacks.
  fileprivate var longestToken: Int? {
    guard isLossless else { return nil }
    return (0..<Int32(vocabularySize)).lazy.map { max(text(of: $0).utf8.count, spelling(of: $0).utf8.count) }.max()
  }
}
