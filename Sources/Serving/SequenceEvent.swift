import TextGeneration

/// Why a text has ended, as OpenAI says it.
enum TextEnd: String, Sendable {
  /// The model has ended it, or it has come to a stop string.
  case stop
  /// As many tokens as there may be, or as long as it may take.
  case length

  init(_ reason: StopReason) {
    switch reason {
    case .endOfText, .stopString: self = .stop
    case .maxTokens, .contextFull, .handler: self = .length
    }
  }
}

/// What becomes of a sequence.
enum SequenceEvent: Sendable, Equatable {
  /// The prompt's tokens from the second on.
  case scored([ScoredToken])
  /// One more token, and the text that has become certain with it.
  case token(SampledToken, text: String)
  /// Text of tokens before, which was held back until the end.
  case rest(String)
  /// The text has come to its end.
  case ended(TextEnd)
  /// It cannot be computed.
  case failed(ServerError)
}

/// What becomes of one of a request's sequences.
struct ChoiceEvent: Sendable, Equatable {
  /// Which one, in the order of the request.
  let index: Int
  let event: SequenceEvent
}
