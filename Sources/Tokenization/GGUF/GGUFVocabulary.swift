import DurableFiles
import Foundation
import GGUF

/// The vocabulary of a GGUF file: tokens with their types, special ids, flags, each checked as it is asked for. Errors
/// name the file and the key.
struct GGUFVocabulary: Sendable {
  static let modelKey = "tokenizer.ggml.model"
  private static let prefix = "tokenizer.ggml."
  /// More tokens than that are surely damage.
  private static let mostTokens = TokenizerVocabulary.idLimit

  let metadata: GGUFMetadata
  /// The tokens, UTF-8, each of them once, none empty.
  let pieces: PieceTable
  /// The type of each token.
  let types: [PieceKind]

  /// The file's path, for errors.
  var file: String { metadata.file }
  /// The number of tokens.
  var count: Int { types.count }

  /// Reads tokens and types. Throws `value` where they cannot be.
  init(_ metadata: GGUFMetadata) throws(TokenizationError) {
    self.metadata = metadata
    guard let tokens = try Self.array("tokens", in: metadata)?.joinedStrings else {
      throw .value(metadata.invalid(Self.prefix + "tokens", expected: "an array of strings, the tokens"))
    }
    let count = tokens.ends.count
    guard (1...Self.mostTokens).contains(count) else {
      throw .value(metadata.invalid(Self.prefix + "tokens", expected: "1 to \(Self.mostTokens) tokens"))
    }
    types = try Self.types(in: metadata, count: count)
    if let id = tokens.firstInvalid {
      throw Self.invalid(metadata, "tokens", expected: "tokens in UTF-8", found: "other bytes in token \(id)")
    }
    let named = tokens.namingEmptyOnes
    do { pieces = try PieceTable(bytes: named.bytes, ends: named.ends) } catch {
      let token = named.bytes[(error.first == 0 ? 0 : named.ends[error.first - 1])..<named.ends[error.first]]
      throw Self.invalid(
        metadata, "tokens", expected: "each token once",
        found: "\(JSONValue.quoted(String(decoding: token, as: UTF8.self))) as token \(error.first) and token "
          + "\(error.second)")
    }
  }

  private static func types(
    in metadata: GGUFMetadata, count: Int
  ) throws(TokenizationError) -> [PieceKind] {
    guard let array = try array("token_type", in: metadata) else {
      // as llama.cpp has it
      return Array(repeating: .normal, count: count)
    }
    guard let numbers = array.integers, numbers.count == count else {
      throw .value(
        metadata.invalid(prefix + "token_type", expected: "\(count) integers, one for each token"))
    }
    var types: [PieceKind] = []
    types.reserveCapacity(count)
    for (id, number) in numbers.enumerated() {
      guard let code = UInt8(exactly: number), let type = PieceKind(rawValue: code) else {
        throw invalid(metadata, "token_type", expected: "types from 1 to 6", found: "\(number) for token \(id)")
      }
      types.append(type)
    }
    return types
  }

  /// The score of each token. Throws `value` where there are none, or one is no finite number.
  func scores() throws(TokenizationError) -> [Float] {
    guard let scores = try Self.array("scores", in: metadata)?.floats, scores.count == count else {
      throw .value(metadata.invalid(Self.prefix + "scores", expected: "\(count) numbers, one for each token"))
    }
    if let id = scores.firstIndex(where: { !$0.isFinite }) {
      throw invalid("scores", expected: "finite numbers", found: "\(scores[id]) for token \(id)")
    }
    return scores
  }

  /// The id at a key, such as `bos_token_id`; nil where there is none with a token. Throws `value` for what is no id.
  func id(_ key: String) throws(TokenizationError) -> Int32? {
    let metadata = metadata
    let id = try TokenizationError.wrapping { () throws(GGUFError) in try metadata.tokenID(Self.prefix + key) }
    return id.flatMap { $0 < count ? Int32($0) : nil }
  }

  /// The flag at a key, such as `add_bos_token`; nil where there is none. Throws `value` for what is none.
  func flag(_ key: String) throws(TokenizationError) -> Bool? {
    let metadata = metadata
    return try TokenizationError.wrapping { () throws(GGUFError) in try metadata.bool(Self.prefix + key) }
  }

  /// Whether special tokens are themselves where they stand in text; nil where the file does not say. Throws `value`
  /// for what is none.
  func matchesSpecialTokens() throws(TokenizationError) -> Bool? {
    let metadata = metadata
    return try TokenizationError.wrapping { () throws(GGUFError) in
      try metadata.bool(GGUFWrittenVocabulary.matchesSpecialTokensKey)
    }
  }

  /// The string at a key, such as `pre`; nil where there is none. Throws `value` for what is none.
  func string(_ key: String) throws(TokenizationError) -> String? {
    let metadata = metadata
    return try TokenizationError.wrapping { () throws(GGUFError) in try metadata.string(Self.prefix + key) }
  }

  /// The merges of a BPE in order of rank. Throws `value` where there are none.
  func merges() throws(TokenizationError) -> [[UInt8]] {
    guard let merges = try Self.array("merges", in: metadata)?.strings else {
      throw .value(metadata.invalid(Self.prefix + "merges", expected: "an array of strings, the merges"))
    }
    if let index = merges.firstIndex(where: { String(validating: $0, as: UTF8.self) == nil }) {
      throw invalid("merges", expected: "merges in UTF-8", found: "other bytes in merge \(index)")
    }
    return merges
  }

  /// `tokenizer.chat_template`; nil where there is none. Throws `value` for what is no string.
  func chatTemplate() throws(TokenizationError) -> String? {
    let metadata = metadata
    return try TokenizationError.wrapping { () throws(GGUFError) in try metadata.string("tokenizer.chat_template") }
  }

  /// What the tokenizer was reduced from, as a file of its own; none where the file does not say.
  func originFiles() throws(TokenizationError) -> [NamedFile] {
    let metadata = metadata
    let content = try TokenizationError.wrapping { () throws(GGUFError) in
      try metadata.string(VocabularyOrigin.metadataKey)
    }
    return content.map { [NamedFile(name: VocabularyOrigin.fileName, contents: Data($0.utf8))] } ?? []
  }

  /// The token with `id`.
  func text(_ id: Int) -> String { String(decoding: pieces.bytes(at: id), as: UTF8.self) }

  /// The token with `id` as errors show it.
  func quoted(_ id: Int) -> String { JSONValue.quoted(text(id)) }

  /// One more than the last id of a token that the converter did not make up.
  var ownEnd: Int { (types.indices.last { !isPadding($0) } ?? -1) + 1 }

  /// Whether the converter made the token up, for an id that the tokenizer has none for: `[PAD7]`.
  func isPadding(_ id: Int) -> Bool {
    types[id] == .unused && pieces.bytes(at: id).elementsEqual("[PAD\(id)]".utf8)
  }

  /// An error about the value at a key.
  func invalid(_ key: String, expected: String, found: String, advice: String? = nil) -> TokenizationError {
    Self.invalid(metadata, key, expected: expected, found: found, advice: advice)
  }

  private static func invalid(
    _ metadata: GGUFMetadata, _ key: String, expected: String, found: String, advice: String? = nil
  ) -> TokenizationError {
    TokenizerJSON.invalid(metadata.file, prefix + key, expected: expected, found: found, advice: advice)
  }

  private static func array(_ key: String, in metadata: GGUFMetadata) throws(TokenizationError) -> GGUFArray? {
    try TokenizationError.wrapping { () throws(GGUFError) in try metadata.array(prefix + key) }
  }
}

extension GGUFStrings {
  /// The first string that is no UTF-8; nil where all are.
  fileprivate var firstInvalid: Int? {
    var start = 0
    let span = bytes.span.bytes
    for (index, end) in ends.enumerated() {
      var validator = UTF8Validator()
      if validator.firstInvalid(in: span.extracting(start..<end)) != nil || validator.isInsideCharacter {
        return index
      }
      start = end
    }
    return nil
  }

  /// Empty strings replaced by llama.cpp's name for such a token (`llama_vocab::impl::load`).
  fileprivate var namingEmptyOnes: (bytes: [UInt8], ends: [Int]) {
    guard zip([0] + ends, ends).contains(where: { $0 == $1 }) else { return (bytes, ends) }
    var (named, namedEnds, start) = ([UInt8](), [Int](), 0)
    for (index, end) in ends.enumerated() {
      if start == end { named += "[EMPTY_\(index)]".utf8 } else { named += bytes[start..<end] }
      namedEnds.append(named.count)
      start = end
    }
    return (named, namedEnds)
  }
}
