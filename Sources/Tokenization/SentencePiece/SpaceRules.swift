import DurableFiles

/// How a `tokenizer.json` with SentencePiece's pieces prepares text: what its normalizer and its pre_tokenizer say of
/// spaces, which become U+2581. The forms are those that transformers writes (`LlamaConverter` and `GemmaConverter` in
/// convert_slow_tokenizer.py, 5.24); they mean what huggingface/tokenizers 0.23 makes of them.
struct SpaceRules: Hashable, Sendable {
  /// What U+2581 is put in front of.
  enum Prefix: Hashable, Sendable {
    case nothing
    case text
    /// A text, and what follows an added token.
    case everyPart
  }

  var prefix = Prefix.nothing
  /// Whether nothing is put in front of what begins with a space or U+2581 (`Metaspace`), rather than a second one.
  var spaceStandsForPrefix = false
  /// Whether no piece reaches across the beginning of a word.
  var cutsWords = false
  /// Whether added tokens that are `normalized` are looked for after spaces became U+2581.
  var normalizesSpaces = false
  /// Whether they are looked for with U+2581 in front (`Prepend`).
  var normalizesPrefix = false

  /// U+2581, which stands for a space.
  static let symbol = "\u{2581}"
  private static let knownNormalizers = #"Replace of " " by "\#(symbol)", Prepend of "\#(symbol)", a Sequence of them"#
  private static let knownPreTokenizers = #"null, Metaspace, or a Split at " ""#

  /// Throws `value`, with its JSON, for a step that is not known.
  init(_ json: TokenizerJSON) throws(TokenizationError) {
    var (prepends, replaces) = (false, false)
    for (key, step) in json.steps(of: json.normalizer, at: "normalizer", list: "normalizers") {
      switch step.type {
      case "Prepend" where step.members["prepend"] == .string(Self.symbol) && !prepends: prepends = true
      case "Replace" where step.replaces(" ") && step.members["content"] == .string(Self.symbol): replaces = true
      default: throw json.invalid(key, expected: Self.knownNormalizers, found: step.value.oneLine)
      }
    }
    (normalizesSpaces, normalizesPrefix) = (replaces, prepends)
    if prepends { prefix = .everyPart }
    var hasMetaspace = false
    for (key, step) in json.steps(of: json.preTokenizer, at: "pre_tokenizer", list: "pretokenizers") {
      switch step.type {
      case "Metaspace" where !hasMetaspace:
        try readMetaspace(step.members, json, key: key)
        hasMetaspace = true
      // there is no space left to split at
      case "Split" where step.replaces(" ") && (replaces || hasMetaspace): break
      default: throw json.invalid(key, expected: Self.knownPreTokenizers, found: step.value.oneLine)
      }
    }
    guard replaces || hasMetaspace else {
      throw json.invalid(
        "normalizer", expected: Self.knownNormalizers, found: json.normalizer.oneLine,
        advice: "nothing says what becomes of spaces")
    }
  }

  private mutating func readMetaspace(
    _ members: [String: JSONValue], _ json: TokenizerJSON, key: String
  ) throws(TokenizationError) {
    let replacement = members["replacement"] ?? members["str_rep"]
    guard replacement == .string(Self.symbol) else {
      throw json.invalid("\(key).replacement", expected: Self.symbol, found: (replacement ?? .null).oneLine)
    }
    // as in huggingface/tokenizers 0.23 (pre_tokenizers/metaspace.rs): a missing scheme is "always", a missing split
    // true
    let scheme = members["prepend_scheme"] ?? .string(members["add_prefix_space"] == .bool(false) ? "never" : "always")
    let own: Prefix
    switch scheme {
    case .string("always"): own = .everyPart
    case .string("first"): own = .text
    case .string("never"): own = .nothing
    default: throw json.invalid("\(key).prepend_scheme", expected: "always, first or never", found: scheme.oneLine)
    }
    if own != .nothing {
      guard !normalizesPrefix else {
        throw json.invalid(
          "\(key).prepend_scheme", expected: "never beside a normalizer with Prepend", found: scheme.oneLine)
      }
      (prefix, spaceStandsForPrefix) = (own, true)
    }
    cutsWords = members["split"] != .bool(false)
  }
}

/// A step of a normalizer or a pre_tokenizer.
private struct PreparationStep {
  let value: JSONValue
  let type: String?
  let members: [String: JSONValue]

  init(_ value: JSONValue) {
    self.value = value
    if case .object(let members) = value { self.members = members } else { members = [:] }
    if case .string(let name) = members["type"] { type = name } else { type = nil }
  }

  /// Whether it looks for this text as it is.
  func replaces(_ text: String) -> Bool {
    guard case .object(let pattern) = members["pattern"] else { return false }
    return pattern == ["String": .string(text)] || pattern == ["Regex": .string(text)]
  }
}

extension TokenizerJSON {
  /// The steps of a part, those of sequences one after another; none of null.
  fileprivate func steps(of value: JSONValue, at key: String, list: String) -> [(key: String, step: PreparationStep)] {
    if value == .null { return [] }
    let step = PreparationStep(value)
    guard step.type == "Sequence", case .array(let elements) = step.members[list] else { return [(key, step)] }
    return elements.enumerated().flatMap { steps(of: $1, at: "\(key).\(list)[\($0)]", list: list) }
  }
}

extension JSONValue {
  /// The JSON on one line, cut where it is long.
  var oneLine: String {
    let text = text()
    return text.count <= 300 ? text : text.prefix(297) + "..."
  }
}
