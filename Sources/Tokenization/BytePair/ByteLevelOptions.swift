import DurableFiles
import Foundation

/// What a `tokenizer.json` says of a byte-level BPE besides vocabulary and merges, checked. What would change the ids
/// and is not known is refused by its key.
struct ByteLevelOptions {
  let preTokenizer: PreTokenizer
  /// Whether text is normalised to form C first.
  let normalizes: Bool
  let ignoresMerges: Bool
  let fusesUnknown: Bool
  /// `unk_token`.
  let unknownID: Int32?
  /// The one id that the post-processor puts before a text.
  let bosID: Int32?

  /// Throws `value`.
  init(_ file: TokenizerJSON) throws(TokenizationError) {
    guard file.merges != nil else { throw file.invalid("model.merges", expected: "the merges", found: "nothing") }
    preTokenizer = try PreTokenizer(file)
    normalizes = try Self.composes(file.normalizer, in: file, key: "normalizer")
    try Self.checkDecoder(file)

    // the defaults of `BPE` in huggingface/tokenizers (models/bpe/serialization.rs)
    var (ignoresMerges, fusesUnknown, unknown) = (false, false, JSONValue.null)
    for (key, value) in file.modelMembers.sorted(by: { $0.key < $1.key }) {
      switch (key, value) {
      case ("ignore_merges", .bool(let flag)): ignoresMerges = flag
      case ("fuse_unk", .bool(let flag)): fusesUnknown = flag
      case ("unk_token", .string), ("unk_token", .null): unknown = value
      case ("byte_fallback", .bool(false)), ("dropout", .null), ("dropout", .integer(0)), ("dropout", .number(0)),
        ("continuing_subword_prefix", .null), ("continuing_subword_prefix", .string("")),
        ("end_of_word_suffix", .null), ("end_of_word_suffix", .string("")):
        break
      default:
        let expected =
          switch key {
          case "ignore_merges", "fuse_unk": "true or false"
          case "unk_token": "a token or null"
          case "byte_fallback": "false in a byte-level vocabulary"
          case "dropout": "null: encoding is not random"
          case "continuing_subword_prefix", "end_of_word_suffix": "null or \"\""
          default: "no key that is not known"
          }
        throw file.invalid("model.\(key)", expected: expected, found: "\(value)")
      }
    }
    (self.ignoresMerges, self.fusesUnknown) = (ignoresMerges, fusesUnknown)
    if case .string(let piece) = unknown {
      unknownID = file.vocabulary.id(of: piece.utf8)
      // where every byte has a token, nothing is unknown
      if unknownID == nil, BytePairModel.hasMissingBytes(file.vocabulary) {
        throw file.invalid(
          "model.unk_token", expected: "a piece of the vocabulary, which lacks bytes", found: JSONValue.quoted(piece))
      }
    } else {
      unknownID = nil
    }

    try Self.checkAddedTokens(file)
    let around = try file.surroundingTokens()
    guard around.before.count <= 1 else {
      throw file.invalid("post_processor", expected: "at most one token before a text", found: "\(around.before)")
    }
    bosID = around.before.first
    if let bosID, file.vocabulary.bytes(of: bosID) == nil, !file.addedTokens.contains(where: { Self.has($0, bosID) }) {
      throw file.invalid("post_processor", expected: "a token of the vocabulary before a text", found: "id \(bosID)")
    }
  }

  /// huggingface/tokenizers numbers added tokens itself, whatever `id` says (`AddedVocabulary.add_tokens`): those of
  /// the vocabulary as there, others one after another behind as many ids as the vocabulary has pieces. A file that
  /// says otherwise would mean one id to it and another to its readers.
  private static func checkAddedTokens(_ file: TokenizerJSON) throws(TokenizationError) {
    var (ids, next) = ([[UInt8]: Int](), file.vocabulary.count)
    for (index, token) in file.addedTokens.enumerated() {
      let key = "added_tokens[\(index)]"
      guard case .object(let fields) = token, case .string(let content) = fields["content"],
        case .integer(let id) = fields["id"]
      else { throw file.invalid(key, expected: "an object with content and id", found: "\(token)") }
      let bytes = Array(content.utf8)
      let expected = ids[bytes] ?? file.vocabulary.id(of: bytes).map(Int.init) ?? next
      guard id == expected else {
        throw file.invalid(
          "\(key).id", expected: "\(expected) for \(JSONValue.quoted(content)), as huggingface/tokenizers numbers it",
          found: "\(id)", advice: "save the tokenizer anew with transformers, and train with its ids")
      }
      ids[bytes] = expected
      next = max(next, expected + 1)
    }
  }

  private static func has(_ token: JSONValue, _ id: Int32) -> Bool {
    if case .object(let fields) = token { fields["id"] == .integer(Int(id)) } else { false }
  }

  /// Whether a normaliser is NFC, rather than none.
  private static func composes(
    _ value: JSONValue, in file: TokenizerJSON, key: String
  ) throws(TokenizationError) -> Bool {
    if value == .null { return false }
    if case .object(let members) = value {
      if members["type"] == .string("NFC") { return true }
      if members["type"] == .string("Sequence"), case .array(let steps) = members["normalizers"] {
        var composes = false
        for (index, step) in steps.enumerated() {
          if try Self.composes(step, in: file, key: "\(key).normalizers[\(index)]") { composes = true }
        }
        return composes
      }
    }
    throw file.invalid(key, expected: "none, NFC or a Sequence of these", found: value.text())
  }

  private static func checkDecoder(_ file: TokenizerJSON) throws(TokenizationError) {
    func isByteLevel(_ value: JSONValue) -> Bool {
      guard case .object(let members) = value else { return false }
      if members["type"] == .string("ByteLevel") { return true }
      if members["type"] == .string("Sequence"), case .array(let steps) = members["decoders"], steps.count == 1 {
        return isByteLevel(steps[0])
      }
      return false
    }
    guard isByteLevel(file.decoder) else {
      throw file.invalid("decoder", expected: "ByteLevel", found: file.decoder.text())
    }
  }
}

extension TokenizerJSONKind {
  /// BPE over the bytes of UTF-8, which the pre-tokenizer `ByteLevel` spells.
  static let byteLevelBPE = TokenizerJSONKind(
    name: "a byte-level BPE (model BPE with the pre_tokenizer ByteLevel)",
    recognises: { file in
      [nil, "BPE"].contains(file.modelType) && file.merges != nil && hasByteLevel(file.preTokenizer)
    },
    load: { (file, beside) throws(TokenizationError) in try ByteLevelTokenizer(file, files: beside.files) })

  private static func hasByteLevel(_ preTokenizer: JSONValue) -> Bool {
    guard case .object(let members) = preTokenizer else { return false }
    if members["type"] == .string("ByteLevel") { return true }
    if case .array(let steps) = members["pretokenizers"] { return steps.contains(where: hasByteLevel) }
    return false
  }
}
