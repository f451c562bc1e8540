import DurableFiles
import Foundation

/// The ids that a post-processor puts around a text.
struct SurroundingTokens: Hashable, Sendable {
  var before: [Int32] = []
  var after: [Int32] = []
}

extension TokenizerJSON {
  /// The `post_processor` that puts a token before a text, and before a pair of texts.
  static func beginning(with text: String, id: Int32) -> JSONValue {
    let name = JSONValue.string(text)
    let begin = JSONValue.object(["SpecialToken": .object(["id": name, "type_id": .integer(0)])])
    func sequence(_ name: String, type: Int) -> JSONValue {
      .object(["Sequence": .object(["id": .string(name), "type_id": .integer(type)])])
    }
    let token: [String: JSONValue] = ["id": name, "ids": .array([.integer(Int(id))]), "tokens": .array([name])]
    return .object([
      "type": .string("TemplateProcessing"), "single": .array([begin, sequence("A", type: 0)]),
      "pair": .array([begin, sequence("A", type: 0), sequence("B", type: 1)]),
      "special_tokens": .object([text: .object(token)]),
    ])
  }

  /// What `post_processor` puts around one text: nothing for null and `ByteLevel` (which changes offsets alone), what
  /// a template says for `TemplateProcessing`, and all of it for a `Sequence` of them. Throws `value` for others.
  func surroundingTokens() throws(TokenizationError) -> SurroundingTokens {
    var tokens = SurroundingTokens()
    try surround(&tokens, with: postProcessor, key: "post_processor")
    return tokens
  }

  private func surround(
    _ tokens: inout SurroundingTokens, with value: JSONValue, key: String
  ) throws(TokenizationError) {
    if value == .null { return }
    guard case .object(let members) = value, case .string(let type) = members["type"] else {
      throw invalid(key, expected: "an object with a type", found: "\(value)")
    }
    switch type {
    case "ByteLevel": return
    case "Sequence":
      guard case .array(let steps) = members["processors"] else {
        throw invalid("\(key).processors", expected: "an array", found: "\(members["processors"] ?? .null)")
      }
      for (index, step) in steps.enumerated() {
        try surround(&tokens, with: step, key: "\(key).processors[\(index)]")
      }
    case "TemplateProcessing":
      let template = try template(members, key: key)
      tokens.before = template.before + tokens.before
      tokens.after += template.after
    default:
      throw invalid(
        "\(key).type", expected: "ByteLevel, TemplateProcessing or a Sequence of them", found: type)
    }
  }

  private func template(
    _ members: [String: JSONValue], key: String
  ) throws(TokenizationError) -> SurroundingTokens {
    guard case .array(let parts) = members["single"] else {
      throw invalid("\(key).single", expected: "an array", found: "\(members["single"] ?? .null)")
    }
    var (tokens, hasText) = (SurroundingTokens(), false)
    for (index, part) in parts.enumerated() {
      let place = "\(key).single[\(index)]"
      guard case .object(let fields) = part else { throw invalid(place, expected: "an object", found: "\(part)") }
      if fields["Sequence"] != nil {
        guard !hasText else { throw invalid(place, expected: "the text once", found: "\(part)") }
        hasText = true
      } else if case .object(let special) = fields["SpecialToken"], case .string(let name) = special["id"] {
        let ids = try ids(ofSpecial: name, members, key: key)
        if hasText { tokens.after += ids } else { tokens.before += ids }
      } else {
        throw invalid(place, expected: "Sequence or SpecialToken", found: "\(part)")
      }
    }
    guard hasText else { throw invalid("\(key).single", expected: "the text", found: "\(parts.count) other parts") }
    return tokens
  }

  private func ids(
    ofSpecial name: String, _ members: [String: JSONValue], key: String
  ) throws(TokenizationError) -> [Int32] {
    let place = "\(key).special_tokens"
    guard case .object(let all) = members["special_tokens"], case .object(let token) = all[name],
      case .array(let values) = token["ids"]
    else { throw invalid(place, expected: "the ids of \(JSONValue.quoted(name))", found: "none") }
    var ids: [Int32] = []
    for value in values {
      guard case .integer(let number) = value, (0..<TokenizerVocabulary.idLimit).contains(number) else {
        throw invalid("\(place).\(name).ids", expected: "ids", found: "\(value)")
      }
      ids.append(Int32(number))
    }
    return ids
  }
}
