import DurableFiles

/// The special tokens that tokenizer_config.json, else special_tokens_map.json, name by what they are for.
struct NamedSpecialTokens {
  private static let keys = [
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
  ]
  /// By key; nil where a key says that there is none.
  private var contents: [String: String?] = [:]
  private var others: [String] = []

  init(_ configuration: [String: JSONValue], map: [String: JSONValue]) {
    for key in Self.keys {
      guard let value = configuration[key] ?? map[key] else { continue }
      contents[key] = .some(Self.content(value))
    }
    for key in ["additional_special_tokens", "extra_special_tokens"] {
      if case .array(let elements) = configuration[key] { others += elements.compactMap(Self.content) }
    }
  }

  /// What a key names.
  func content(of key: String) -> String? { contents[key] ?? nil }

  /// All of them, in the order in which transformers adds those that are missing.
  var added: [String] { Self.keys.compactMap { contents[$0] ?? nil } + others }

  /// Whether a token is one of them.
  func names(_ content: String) -> Bool { added.contains { $0.utf8.elementsEqual(content.utf8) } }

  /// The ids of those with a key, as `id` has them, nil where a key says that there is none. A token without an id is
  /// left out.
  func ids(_ id: (String) -> Int32?) -> [String: Int32?] {
    var ids: [String: Int32?] = [:]
    for (key, content) in contents {
      guard let content else {
        ids[key] = .some(nil)
        continue
      }
      if let id = id(content) { ids[key] = .some(id) }
    }
    return ids
  }

  private static func content(_ value: JSONValue) -> String? {
    switch value {
    case .string(let content): content
    case .object(let fields): if case .string(let content) = fields["content"] { content } else { nil }
    default: nil
    }
  }
}
