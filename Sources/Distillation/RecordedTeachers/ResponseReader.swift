import Diagnostics
import DurableFiles
import Foundation
import Tokenization

/// A token, and what its distribution was before it was chosen, as far as a server said.
struct ScoredToken {
  /// The token.
  var id: Int32
  /// nil where it has none: the first token of a prompt, or all of it.
  var distribution: ListedDistribution?
}

/// Some tokens of a distribution, the one that was chosen among them.
struct ListedDistribution {
  /// The tokens, each once, and their log-probabilities.
  var listed: [(id: Int32, logProbability: Float)]
  /// How many of them are the most likely ones: all, but for a token that was chosen from beyond the server's list.
  var mostLikely: Int
  /// The log-probability of the token that was chosen.
  var own: Float
}

/// A prompt and its completion.
struct ScoredDocument {
  var tokens: [ScoredToken]
}

/// Reads a server's responses. Its errors have the key that is wrong, and no place.
struct ResponseReader {
  let tokenizer: any Tokenizer
  /// V: an id that is listed lies below it. An id of the text is one of the tokenizer, which reads it again.
  let vocabularySize: Int
  let chatFormat: ChatFormat?
  private(set) lazy var names = TokenNames(tokenizer)

  /// How far above 0 a log-probability, and above 1 a sum, may be by rounding.
  static let rounding = 1e-3

  init(_ tokenizer: any Tokenizer, vocabularySize: Int, chatFormat: ChatFormat?) {
    self.tokenizer = tokenizer
    self.vocabularySize = vocabularySize
    self.chatFormat = chatFormat
  }

  /// The documents of a line.
  mutating func documents(of line: [UInt8]) throws(InvalidValue) -> [ScoredDocument] {
    let value: JSONValue
    do { value = try JSONValue(parsing: line, file: "", dialect: .python) } catch {
      throw InvalidValue("JSON", expected: "an object", found: "none", advice: Self.reason(error))
    }
    let line = try Members(value, "the line")
    let request = try line.object("request") ?? line
    var response = try line.object("response") ?? line
    if let body = try response.object("body") { response = body }
    if let error = response["error"] {
      throw InvalidValue("error", expected: "a response", found: "the server's error \(error)")
    }
    if let list = response["completion_probabilities"] {
      let entries = try Members.array(list, "completion_probabilities")
      let completion = try scored(entries, "completion_probabilities")
      guard let prompt = try prompt(request, response, nil) else { throw Self.missingPrompt }
      try require(prompt, is: response["tokens_evaluated"], "tokens_evaluated")
      return [ScoredDocument(tokens: prompt.map { ScoredToken(id: $0) } + completion)]
    }
    guard let choices = response["choices"] else {
      throw InvalidValue(
        "keys", expected: "\"choices\" or \"completion_probabilities\"", found: response.keys,
        advice: "give what the server answered, a response a line")
    }
    var documents: [ScoredDocument] = []
    for (index, choice) in try Members.array(choices, "choices").enumerated() {
      documents.append(
        try document(Members(choice, "choices[\(index)]"), request, response, "choices[\(index)]"))
    }
    return documents
  }

  /// The document of one choice.
  private mutating func document(
    _ choice: Members, _ request: Members, _ response: Members, _ name: String
  ) throws(InvalidValue) -> ScoredDocument {
    let prompt = try prompt(request, response, choice)
    guard let value = choice["logprobs"] else {
      // vLLM scores a prompt without scoring what it adds
      if let prompt, (choice[Self.promptKey] ?? response[Self.promptKey]) != nil {
        return ScoredDocument(tokens: try scoredPrompt(prompt, choice, response))
      }
      throw InvalidValue(
        "\(name).logprobs", expected: "log-probabilities", found: "none",
        advice: "ask for them with \"logprobs\": 20, of a prompt with \"prompt_logprobs\": 20, or in chats with "
          + "\"logprobs\": true and \"top_logprobs\": 20")
    }
    let logprobs = try Members(value, "\(name).logprobs")
    var ids = try choice.ids("token_ids", name)
    if let some = ids { ids = try known(some, "\(name).token_ids") }
    if let content = logprobs["content"] {
      let place = "\(name).logprobs.content"
      let tokens = try scored(Members.array(content, place), place, ids: ids)
      guard let prompt else { throw Self.missingPrompt }
      return ScoredDocument(tokens: try scoredPrompt(prompt, choice, response) + tokens)
    }
    let list = try CompletionList(logprobs, "\(name).logprobs")
    let echoes = request["echo"] == .bool(true) || list.beginsText
    let tokens = try scored(list, ids: echoes ? nil : ids)
    if echoes {
      guard let first = tokens.first, first.distribution != nil, let bos = tokenizer.bosID else {
        return ScoredDocument(tokens: tokens)
      }
      // something stood before the first token
      return ScoredDocument(tokens: [ScoredToken(id: bos)] + tokens)
    }
    guard let prompt else { throw Self.missingPrompt }
    return ScoredDocument(tokens: try scoredPrompt(prompt, choice, response) + tokens)
  }

  private static let promptKey = "prompt_logprobs"

  /// The prompt's tokens, with the distributions that vLLM's `prompt_logprobs` has.
  private func scoredPrompt(
    _ prompt: [Int32], _ choice: Members, _ response: Members
  ) throws(InvalidValue) -> [ScoredToken] {
    if let usage = try response.object("usage") {
      try require(prompt, is: usage["prompt_tokens"], "usage.prompt_tokens")
    }
    let key = Self.promptKey
    guard let value = choice[key] ?? response[key] else { return prompt.map { ScoredToken(id: $0) } }
    let list = try Members.array(value, key)
    guard list.count == prompt.count else {
      throw InvalidValue(
        key, expected: "an element for each of the prompt's \(prompt.count) tokens", found: "\(list.count)",
        advice: "the server has another tokenizer, or ask for the ids with \"return_token_ids\": true")
    }
    var tokens: [ScoredToken] = []
    for (index, value) in list.enumerated() {
      guard index > 0 || value != .null else {
        tokens.append(ScoredToken(id: prompt[0]))
        continue
      }
      let place = "\(key)[\(index)]"
      var listed: [(id: Int32, logProbability: Float)] = []
      var rank = 0
      for (id, entry) in try Members(value, place).members {
        let logProbability = try logProbability(try Members(entry, place)["logprob"], "\(place)[\"\(id)\"].logprob")
        listed.append((try self.id(Int(id), place, found: "\"\(id)\"", below: vocabularySize), logProbability))
        // vLLM says which of all tokens it is
        if id == "\(prompt[index])", case .integer(let some)? = try Members(entry, place)["rank"] { rank = some }
      }
      guard let own = listed.first(where: { $0.id == prompt[index] }) else {
        throw InvalidValue(
          place, expected: "the prompt's token \(prompt[index]) among those listed", found: "only others",
          advice: "the server has another tokenizer, or ask for the ids with \"return_token_ids\": true")
      }
      tokens.append(
        ScoredToken(
          id: own.id,
          distribution: try distribution(
            eachOnce(listed, place), own: own.logProbability, ownIsBeyond: rank > listed.count, place)))
    }
    return tokens
  }
}
