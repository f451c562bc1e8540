import TextGeneration
import Tokenization

/// A token as replies list it.
struct ListedToken: Sendable, Equatable {
  /// How it is shown when it stands alone.
  let text: String
  /// Where its text begins, in characters (Unicode scalars) of the choice's text.
  let offset: Int
  /// log p; nil for a prompt's first token, which nothing precedes.
  let logProbability: Float?
  /// The most probable tokens in its place, by what they are shown as.
  let alternatives: [ListedAlternative]
}

/// One of the most probable tokens in a place.
struct ListedAlternative: Sendable, Equatable {
  let text: String
  let logProbability: Float
}

/// What an event adds to a choice.
struct ChoicePart: Sendable, Equatable {
  var text = ""
  var tokens: [ListedToken] = []
  var end: TextEnd?
}

/// One of the texts that a request asks for, as far as it has come.
struct Choice: Sendable {
  /// All parts together.
  private(set) var whole = ChoicePart()
  /// The tokens that were generated.
  private(set) var generatedCount = 0
  private let prompt: ServedPrompt
  private let tokenizer: any Tokenizer
  /// Whether tokens are listed.
  private let listsTokens: Bool
  /// The prompt's text, before it has become part of the choice's.
  private var echo: String
  private var decoder: StreamingDecoder
  private var offset = 0

  /// - Parameters:
  ///   - prompt: what it continues.
  ///   - echoes: whether the prompt is part of the text.
  ///   - listsTokens: whether log-probabilities are wanted.
  ///   - tokenizer: the model's.
  init(_ prompt: ServedPrompt, echoes: Bool, listsTokens: Bool, tokenizer: any Tokenizer) {
    self.prompt = prompt
    self.tokenizer = tokenizer
    self.listsTokens = listsTokens
    echo = echoes ? prompt.text : ""
    decoder = StreamingDecoder(tokenizer, after: echoes ? [] : prompt.ids)
  }

  /// Takes in what has happened, and returns what is new. Throws where the choice cannot be computed.
  mutating func take(_ event: SequenceEvent) throws(ServerError) -> ChoicePart {
    var part = ChoicePart(text: echo)
    echo = ""
    switch event {
    case .scored(let tokens):
      part.tokens = list(tokens)
    case .token(let token, let text):
      part.text += text
      generatedCount += 1
      // the one that ends a text as well: clients count on as many as were generated
      if listsTokens {
        part.tokens = [listed(token.id, token.logProbability, token.alternatives)]
      }
    case .rest(let text):
      part.text += text
    case .ended(let end):
      part.end = end
    case .failed(let error):
      throw error
    }
    whole.text += part.text
    whole.tokens += part.tokens
    whole.end = part.end
    return part
  }

  private mutating func list(_ tokens: [ScoredToken]) -> [ListedToken] {
    var listed: [ListedToken] = []
    for (place, id) in prompt.ids.enumerated() {
      let scored = place == 0 ? nil : tokens[place - 1]
      let token = self.listed(id, scored?.token.logProbability, scored?.alternatives ?? [])
      if place >= prompt.firstListed { listed.append(token) }
    }
    return listed
  }

  private mutating func listed(
    _ id: Int32, _ logProbability: Float?, _ alternatives: [TokenLogProbability]
  ) -> ListedToken {
    defer { offset += decoder.append(id).unicodeScalars.count }
    return ListedToken(
      text: text(of: id), offset: offset, logProbability: logProbability,
      alternatives: alternatives.map { ListedAlternative(text: text(of: $0.id), logProbability: $0.logProbability) })
  }

  /// A model may have more outputs than its tokenizer has tokens.
  private func text(of id: Int32) -> String {
    id < tokenizer.vocabularySize ? tokenizer.text(of: id) : "token_id:\(id)"
  }
}
