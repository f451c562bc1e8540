import Diagnostics
import DurableFiles

/// The members of a `tokenizer.json` of huggingface/tokenizers (0.23), checked as far as every kind of tokenizer needs
/// it; what they mean is for the kinds to say (`TokenizerJSONKind`).
///
/// Vocabulary and merges may have hundreds of thousands of entries, and two pieces may differ in the composition of
/// their characters alone, which Swift's strings take for equal: they are read as bytes.
struct TokenizerJSON: Sendable {
  /// The name of the file in a model's folder.
  static let fileName = "tokenizer.json"

  /// The file's path, for errors.
  let file: String
  /// `model.type`; nil where it is missing, as in files of before 2021.
  let modelType: String?
  /// The other members of `model` but `vocab` and `merges`.
  let modelMembers: [String: JSONValue]
  /// `model.vocab`.
  let vocabulary: TokenizerVocabulary
  /// `model.merges` in order of rank, both pieces and what they become by id; nil where the model has none.
  let merges: [TokenizerMerge]?
  /// `normalizer`, null where it is missing.
  let normalizer: JSONValue
  /// `pre_tokenizer`, null where it is missing.
  let preTokenizer: JSONValue
  /// `post_processor`, null where it is missing.
  let postProcessor: JSONValue
  /// `decoder`, null where it is missing.
  let decoder: JSONValue
  /// The elements of `added_tokens`.
  let addedTokens: [JSONValue]

  /// Reads what a text says, its merges only where they are asked for. Throws `file` where it is cut short or no JSON,
  /// and `value` where a member cannot be.
  init(_ text: TokenizerJSONText, readsMerges: Bool = true) throws(TokenizationError) {
    let (bytes, file, ranges) = (text.bytes, text.file, text.members)
    self.file = file
    guard let model = ranges["model"], bytes[model.lowerBound] == UInt8(ascii: "{") else {
      throw Self.invalid(
        file, "model", expected: "an object with a vocabulary", found: "\(try text.value(at: ranges["model"]))")
    }
    var modelRanges = try JSONByteReader(bytes, file: file, at: model).members()
    let (pieces, merges) = (modelRanges.removeValue(forKey: "vocab"), modelRanges.removeValue(forKey: "merges"))
    var members: [String: JSONValue] = [:]
    for (key, range) in modelRanges { members[key] = try text.value(at: range) }
    switch members.removeValue(forKey: "type") {
    case .string(let name): modelType = name
    case nil: modelType = nil
    case .some(let other): throw Self.invalid(file, "model.type", expected: "a name", found: "\(other)")
    }
    modelMembers = members
    guard let pieces else { throw Self.invalid(file, "model.vocab", expected: "the vocabulary", found: "nothing") }
    vocabulary = try TokenizerVocabulary(JSONByteReader(bytes, file: file, at: pieces))
    if readsMerges, let merges, bytes[merges.lowerBound] != UInt8(ascii: "n") {
      self.merges = try vocabulary.merges(JSONByteReader(bytes, file: file, at: merges))
    } else {
      self.merges = nil
    }
    normalizer = try text.value(at: ranges["normalizer"])
    preTokenizer = try text.value(at: ranges["pre_tokenizer"])
    postProcessor = try text.value(at: ranges["post_processor"])
    decoder = try text.value(at: ranges["decoder"])
    addedTokens = try text.addedTokens()
  }

  /// An error about the member at `key`, whose parts are separated by dots.
  func invalid(_ key: String, expected: String, found: String, advice: String? = nil) -> TokenizationError {
    Self.invalid(file, key, expected: expected, found: found, advice: advice)
  }

  static func invalid(
    _ file: String, _ key: String, expected: String, found: String, advice: String? = nil
  ) -> TokenizationError {
    .value(InvalidValue(file, key, expected: expected, found: found, advice: advice))
  }
}

/// A rule of a BPE model: two tokens that stand side by side become one. Ids.
struct TokenizerMerge: Hashable, Sendable {
  var left: Int32
  var right: Int32
  var merged: Int32
}
