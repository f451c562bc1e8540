import Diagnostics
import DurableFiles

/// The members of an object of a server's response; null is none. Errors name the place that they are given.
struct Members {
  /// All of them, by key.
  let members: [(key: String, value: JSONValue)]
  private let byKey: [String: JSONValue]

  init(_ value: JSONValue, _ place: String) throws(InvalidValue) {
    guard case .object(let object) = value else {
      throw InvalidValue(place, expected: "an object", found: Self.kind(of: value))
    }
    byKey = object.filter { $0.value != .null }
    members = object.sorted { $0.key < $1.key }
  }

  /// A member that is there.
  subscript(key: String) -> JSONValue? { byKey[key] }

  /// The keys that are there, as errors show them.
  var keys: String { byKey.isEmpty ? "none" : byKey.keys.sorted().map { "\"\($0)\"" }.joined(separator: ", ") }

  /// A member that is an object, where it is there.
  func object(_ key: String) throws(InvalidValue) -> Members? {
    guard let value = byKey[key] else { return nil }
    return try Members(value, key)
  }

  /// A member that is a list; errors name it as one of `place`.
  func array(_ key: String, _ place: String) throws(InvalidValue) -> [JSONValue] {
    try Self.array(byKey[key] ?? .null, "\(place).\(key)")
  }

  /// A member that is a list of ids, where it is there; errors name it as one of `place`.
  func ids(_ key: String, _ place: String) throws(InvalidValue) -> [Int32]? {
    guard let value = byKey[key] else { return nil }
    let name = place.isEmpty ? key : "\(place).\(key)"
    return try Self.ids(Self.array(value, name), name)
  }

  static func array(_ value: JSONValue, _ place: String) throws(InvalidValue) -> [JSONValue] {
    guard case .array(let values) = value else {
      throw InvalidValue(place, expected: "a list", found: kind(of: value))
    }
    return values
  }

  static func ids(_ values: [JSONValue], _ place: String) throws(InvalidValue) -> [Int32] {
    var ids: [Int32] = []
    for value in values {
      guard case .integer(let number) = value, let id = Int32(exactly: number) else {
        throw InvalidValue(place, expected: "a list of token ids", found: "\(value) in it")
      }
      ids.append(id)
    }
    return ids
  }

  private static func kind(of value: JSONValue) -> String {
    switch value {
    case .null: "none"
    case .array: "a list"
    case .object: "an object"
    default: "\(value)"
    }
  }
}

/// The lists of `choices[].logprobs` of a completion, all of one length.
struct CompletionList {
  let place: String
  let tokens: [JSONValue]
  let logProbabilities: [JSONValue]
  /// The most likely tokens at each place.
  let others: [JSONValue]

  init(_ logprobs: Members, _ place: String) throws(InvalidValue) {
    self.place = place
    tokens = try logprobs.array("tokens", place)
    logProbabilities = try logprobs.array("token_logprobs", place)
    others = try logprobs.array("top_logprobs", place)
    for (name, list) in [("token_logprobs", logProbabilities), ("top_logprobs", others)]
    where list.count != tokens.count {
      throw InvalidValue(
        "\(place).\(name)", expected: "\(tokens.count) elements, as of tokens", found: "\(list.count)")
    }
  }

  /// Whether the first token has no distribution, for nothing stands before it: the prompt is in the lists.
  var beginsText: Bool { logProbabilities.first == .null }
}
