import Diagnostics
import DurableFiles
import Tokenization

/// Which tokens are meant.
extension ResponseReader {
  /// The id of a token that is an object, below `limit`: by its id, else by what it is called.
  mutating func id(_ members: Members, _ place: String, below limit: Int) throws(InvalidValue) -> Int32 {
    if let id = members["id"] {
      var number: Int?
      if case .integer(let whole) = id { number = whole }
      return try self.id(number, "\(place).id", found: "\(id)", below: limit)
    }
    var bytes: [UInt8]?
    if case .array(let values)? = members["bytes"] {
      bytes = values.compactMap { if case .integer(let byte) = $0 { UInt8(exactly: byte) } else { nil } }
      guard bytes?.count == values.count else {
        throw InvalidValue("\(place).bytes", expected: "numbers from 0 to 255", found: "\(JSONValue.array(values))")
      }
    }
    return try id(members["token"] ?? .null, bytes: bytes, "\(place).token", below: limit)
  }

  /// The id of a token by what it is called, below `limit`.
  mutating func id(
    _ value: JSONValue, bytes: [UInt8]?, _ place: String, below limit: Int
  ) throws(InvalidValue) -> Int32 {
    switch value {
    case .integer(let id): return try self.id(id, place, found: "\(id)", below: limit)
    case .string(let name):
      if name.hasPrefix(TokenNames.idPrefix) {
        let id = Int(name.dropFirst(TokenNames.idPrefix.count))
        return try self.id(id, place, found: "\"\(name)\"", below: limit)
      }
      do throws(TokenNames.Failure) { return try names.id(name, bytes: bytes) } catch {
        let ids = "ask the server for ids: \"return_tokens_as_token_ids\": true with vLLM"
        switch error {
        case .unknown:
          throw InvalidValue(
            place, expected: "a token of the tokenizer", found: JSONValue.quoted(name),
            advice: "the server has another tokenizer, or the token is a part of a character: \(ids)")
        case .ambiguous(let one, let other):
          throw InvalidValue(
            place, expected: "the name of one token", found: "\(JSONValue.quoted(name)), that of \(one) and \(other)",
            advice: ids)
        }
      }
    default: throw InvalidValue(place, expected: "a token's text or id", found: "\(value)")
    }
  }

  func id(_ id: Int?, _ place: String, found: String, below limit: Int) throws(InvalidValue) -> Int32 {
    guard let id, (0..<limit).contains(id) else {
      throw InvalidValue(place, expected: "a token id from 0 to \(limit - 1)", found: found)
    }
    return Int32(id)
  }

  /// What the server was fed, as far as the line says.
  func prompt(
    _ request: Members, _ response: Members, _ choice: Members?
  ) throws(InvalidValue) -> [Int32]? {
    for source in [choice, response].compactMap(\.self) {
      if let ids = try source.ids("prompt_token_ids", "") { return try known(ids, "prompt_token_ids") }
    }
    let named = [request, response].first { $0["prompt"] != nil }
    switch named?["prompt"] {
    case .string(var text)?:
      // llama-server spells out the BOS that it put in front
      if named?["completion_probabilities"] != nil, let bos = tokenizer.bosID {
        let spelling = tokenizer.spelling(of: bos)
        if text.hasPrefix(spelling) { text.removeFirst(spelling.count) }
      }
      return tokenizer.encode(prompts: [text])[0]
    case .array(let values)?:
      if values.count == 1, case .string(let text) = values[0] { return tokenizer.encode(prompts: [text])[0] }
      return try known(Members.ids(values, "prompt"), "prompt")
    case nil: break
    case let other?:
      throw InvalidValue("prompt", expected: "a text, or a list of token ids", found: "\(other)")
    }
    guard let messages = request["messages"] else { return nil }
    return try prompt(ofChat: Members.array(messages, "messages"))
  }

  /// Ids of the text, which must be the tokenizer's.
  func known(_ ids: [Int32], _ place: String) throws(InvalidValue) -> [Int32] {
    for id in ids { _ = try self.id(Int(id), place, found: "\(id)", below: tokenizer.vocabularySize) }
    return ids
  }

  private func prompt(ofChat messages: [JSONValue]) throws(InvalidValue) -> [Int32] {
    guard let chatFormat else {
      throw InvalidValue(
        "messages", expected: "a tokenizer with a chat template of a known family", found: "none",
        advice: "ask the server for the ids of the prompt: \"return_token_ids\": true with vLLM")
    }
    var chat: [ChatMessage] = []
    for (index, value) in messages.enumerated() {
      let place = "messages[\(index)]"
      let message = try Members(value, place)
      guard case .string(let name)? = message["role"], let role = ChatMessage.Role(rawValue: name),
        case .string(let content)? = message["content"]
      else {
        throw InvalidValue(
          place, expected: "a role of \(ChatMessage.Role.allCases.map(\.rawValue)) and a text as content",
          found: "\(value)")
      }
      chat.append(ChatMessage(role, content))
    }
    let parts = tokenizer.encode(chatFormat.parts(of: chat, asksForAnswer: true), isContinued: true)
    return [tokenizer.bosID].compactMap(\.self) + parts.flatMap(\.ids)
  }

  /// Checks that the prompt has as many tokens as the server says.
  func require(_ prompt: [Int32], is count: JSONValue?, _ key: String) throws(InvalidValue) {
    guard case .integer(let count)? = count, count != prompt.count else { return }
    throw InvalidValue(
      key, expected: "\(prompt.count), the tokens of the prompt by the tokenizer", found: "\(count)",
      advice: "the server has another tokenizer; or ask for the prompt's ids, \"return_token_ids\": true with vLLM")
  }

  static var missingPrompt: InvalidValue {
    InvalidValue(
      "prompt", expected: "the prompt beside the response", found: "none",
      advice: "write {\"request\": …, \"response\": …} in each line, or ask with \"echo\": true")
  }

  /// Where a line is no JSON, and why.
  static func reason(_ error: FileError) -> String? {
    switch error {
    case .invalidJSON(_, let offset, let reason): "at byte \(offset) of the line: \(reason)"
    case .nestedTooDeeply(_, let offset, _): "at byte \(offset) of the line: too many values within each other"
    default: nil
    }
  }
}
