import DurableFiles

/// A row of a corpus: a document in a JSON object.
struct TextRow: Equatable {
  /// The document's text in parts, those that count and those that do not; none for a row without text.
  var parts: [ChatPart] = []
  /// Whether the text comes to its end, so that EOS follows, rather than being cut off.
  var hasEnd = true
  /// The ids that a model made, where the row says them.
  var recorded: RecordedCompletion?

  /// A text without a prompt; nil for other rows.
  var plainText: String? { parts.count == 1 && parts[0].isCounted && !parts[0].isTemplate ? parts[0].text : nil }

  /// Reads a row. Throws what it lacks, as text for the user.
  init(_ value: JSONValue, _ keys: JSONLinesKeys, _ chatFormat: ChatFormat?) throws(RowDefect) {
    guard case .object(let object) = value else {
      throw RowDefect("expected a JSON object, found \(Self.kind(of: value))")
    }
    func string(_ key: String) throws(RowDefect) -> String? {
      switch object[key] {
      case nil, .null: return nil
      case .string(let string): return string
      case .some(let value): throw RowDefect("\"\(key)\": expected a string, found \(Self.kind(of: value))")
      }
    }
    func has(_ key: String) -> Bool { object[key] ?? .null != .null }
    // what is not meant is not looked at
    let isText = has(keys.text) && (keys.preferred == .text || !(has(keys.prompt) && has(keys.completion)))
    let isCompletion = keys.preferred == .completion && has(keys.prompt) && has(keys.completion)
    let text = isCompletion ? nil : try string(keys.text)
    let completion = isText ? nil : try string(keys.completion)
    let prompt = isText ? nil : try string(keys.prompt)
    switch (text, prompt, completion) {
    case (let text?, nil, nil):
      add(text, isCounted: true)
    case (nil, let prompt?, let completion?):
      guard !(prompt.isEmpty && completion.isEmpty) else { return }
      parts = [
        ChatPart(prompt, isTemplate: false, isCounted: false), ChatPart(completion, isTemplate: false, isCounted: true),
      ]
      recorded = RecordedCompletion(object)
    case (nil, _, nil):
      guard case .array(let messages)? = object["messages"] else { throw Self.missingKeys(object, keys) }
      guard let chatFormat else {
        throw RowDefect("\"messages\": expected a tokenizer whose chat template is of a known family, found another")
      }
      parts = chatFormat.parts(of: try Self.messages(messages))
      hasEnd = chatFormat.endsWithEOS && parts.last?.isCounted == true
    case (_?, _?, _?):
      throw RowDefect(
        "keys: expected either \"\(keys.text)\", or \"\(keys.prompt)\" and \"\(keys.completion)\", found all of them; "
          + "say which are meant with --text-field, or with --prompt-field and --completion-field")
    default:
      throw Self.missingKeys(object, keys)
    }
    if case .string(let reason)? = object["stop_reason"], Self.cutOffReasons.contains(reason) { hasEnd = false }
  }

  /// The values of `stop_reason` that say that a completion was not ended by the model.
  private static let cutOffReasons: Set<String> = [
    "max_tokens", "context_full", "interrupted", "stop_string", "length", "stop_sequence",
  ]

  private mutating func add(_ text: String, isCounted: Bool) {
    if !text.isEmpty { parts.append(ChatPart(text, isTemplate: false, isCounted: isCounted)) }
  }

  private static func messages(_ values: [JSONValue]) throws(RowDefect) -> [ChatMessage] {
    var messages: [ChatMessage] = []
    for (index, value) in values.enumerated() {
      let place = "\"messages\", message \(index + 1)"
      guard case .object(let message) = value, case .string(let roleName)? = message["role"] else {
        throw RowDefect("\(place): expected an object with \"role\" and \"content\", found \(kind(of: value))")
      }
      guard let role = ChatMessage.Role(rawValue: roleName) else {
        let roles = ChatMessage.Role.allCases.map(\.rawValue).joined(separator: ", ")
        throw RowDefect("\(place): \"role\": expected one of \(roles), found \(value.description(of: "role"))")
      }
      switch message["content"] {
      case .string(let content): messages.append(ChatMessage(role, content))
      case nil, .null: messages.append(ChatMessage(role, ""))
      case .some(let other): throw RowDefect("\(place): \"content\": expected a string, found \(kind(of: other))")
      }
    }
    return messages
  }

  private static func missingKeys(_ object: [String: JSONValue], _ keys: JSONLinesKeys) -> RowDefect {
    let found = object.filter { $0.value != .null }.keys.sorted().map { "\"\($0)\"" }.joined(separator: ", ")
    return RowDefect(
      "keys: expected either \"\(keys.text)\", or \"\(keys.prompt)\" and \"\(keys.completion)\", or \"messages\", "
        + "found \(found.isEmpty ? "no key with a value" : found); name other keys with --text-field, "
        + "or --prompt-field and --completion-field")
  }

  /// A value that is not of the type expected, as errors show it.
  private static func kind(of value: JSONValue) -> String {
    switch value {
    case .null: "null"
    case .array: "an array"
    case .object: "an object"
    default: "\(value)"
    }
  }
}

/// What is wrong with a row, for the user.
struct RowDefect: Error {
  let text: String

  init(_ text: String) { self.text = text }
}

extension JSONValue {
  fileprivate func description(of key: String) -> String {
    if case .object(let object) = self, let value = object[key] { "\(value)" } else { "nothing" }
  }
}
