public import DurableFiles

/// The ids of a prompt and of the completion that a model made of it, as `generate --output` writes them beside their
/// texts: what is learnt from them are exactly these ids.
public struct RecordedCompletion: Hashable, Sendable {
  /// The hexadecimal digits of a tokenizer's digest that are recorded.
  public static let digestLength = 16

  /// The keys of a row that hold them.
  public enum Keys {
    /// The first digits of the tokenizer's digest.
    public static let tokenizer = "tokenizer"
    /// The prompt's ids, without BOS.
    public static let prompt = "prompt_token_ids"
    /// The completion's ids, with the token that ended it, if one did.
    public static let completion = "token_ids"
  }

  /// The beginning of the digest of the tokenizer whose ids they are.
  public var tokenizer: String
  /// The prompt's ids, without BOS.
  public var prompt: [Int32]
  /// The completion's ids, with the token that ended it, if one did, and those of a stop string.
  public var completion: [Int32]
  /// Whether a stop string ended the completion, which is in the ids and not in the text.
  var hasStopString = false

  /// The ids of a prompt, without BOS, and of its completion, made with `tokenizer`.
  public init(_ tokenizer: any Tokenizer, prompt: [Int32], completion: [Int32]) {
    self.tokenizer = String(tokenizer.digest.hexadecimal.prefix(Self.digestLength))
    self.prompt = prompt
    self.completion = completion
  }

  /// The ids in a row; nil if it has none.
  init?(_ row: [String: JSONValue]) {
    func ids(_ key: String) -> [Int32]? {
      guard case .array(let values)? = row[key] else { return nil }
      let ids = values.compactMap { value -> Int32? in
        if case .integer(let id) = value { Int32(exactly: id) } else { nil }
      }
      return ids.count == values.count ? ids : nil
    }
    guard case .string(let tokenizer)? = row[Keys.tokenizer], tokenizer.count >= Self.digestLength,
      let prompt = ids(Keys.prompt), let completion = ids(Keys.completion)
    else { return nil }
    (self.tokenizer, self.prompt, self.completion) = (tokenizer, prompt, completion)
    hasStopString = row["stop_reason"] == .string("stop_string")
  }

  /// What a row says of them.
  public var row: [String: JSONValue] {
    func array(_ ids: [Int32]) -> JSONValue { .array(ids.map { .integer(Int($0)) }) }
    return [
      Keys.tokenizer: .string(tokenizer), Keys.prompt: array(prompt), Keys.completion: array(completion),
    ]
  }

  /// Whether these are ids of `tokenizer` that still stand for the texts beside them, which may have been edited.
  func agrees(with tokenizer: any Tokenizer, prompt text: String, completion: String) -> Bool {
    guard tokenizer.digest.hexadecimal.hasPrefix(self.tokenizer),
      (prompt + self.completion).allSatisfy({ $0 >= 0 && $0 < tokenizer.vocabularySize }),
      tokenizer.encode(prompts: [text])[0].dropFirst(tokenizer.bosID == nil ? 0 : 1) == prompt[...]
    else { return false }
    var decoder = StreamingDecoder(tokenizer, after: prompt)
    var decoded = ""
    for id in self.completion { decoded += decoder.append(id) }
    decoded += decoder.finish()
    return hasStopString ? decoded.utf8.starts(with: completion.utf8) : decoded.utf8.elementsEqual(completion.utf8)
  }
}
