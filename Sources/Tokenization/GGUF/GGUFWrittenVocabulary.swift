import Diagnostics
import DurableFiles
import Foundation
public import GGUF

/// A tokenizer that llama.cpp has, too, so that a GGUF file can say all of it.
protocol GGUFTokenizer: Tokenizer {
  /// The vocabulary as a file has it. Throws `value` for what llama.cpp would do otherwise.
  func vocabularyInGGUF() throws(TokenizationError) -> GGUFWrittenVocabulary
}

/// The vocabulary of a GGUF file that is written: what `GGUFVocabulary` reads.
struct GGUFWrittenVocabulary {
  /// A token.
  struct Token {
    var bytes: [UInt8]
    var kind: PieceKind
    var score: Float
  }

  /// `tokenizer.ggml.model` and `tokenizer.ggml.pre`: the kind, and how text is cut.
  var model, pre: String
  /// By id.
  var tokens: [Token]
  /// Two tokens with a space between them, in order of rank; nil where the scores say it.
  var merges: [[UInt8]]?
  /// Whether a space is put in front of text.
  var addsSpacePrefix = false
  /// Whether special tokens are themselves where they stand in text, as readers of files take it.
  var matchesSpecialTokens = true
  /// What is done to text before it is cut, and a file does not say.
  var preparation: Preparation = []
  /// What else a file does not say: one sentence each.
  var warnings: [String] = []

  /// Limbeck's own key, false where special tokens that stand in text are plain text: what is read then is the
  /// tokenizer that was written. llama.cpp asks who calls it.
  static let matchesSpecialTokensKey = "limbeck.tokenizer.special_tokens_in_text"

  /// What tokenizers do to text before they cut it, and llama.cpp does not.
  struct Preparation: OptionSet {
    let rawValue: Int
    /// It is normalised to form C.
    static let normalizes = Preparation(rawValue: 1)
    /// Spaces at its ends, and all but one of each run, are removed.
    static let removesSpaces = Preparation(rawValue: 2)

    /// What the user should know: one sentence each.
    var warnings: [String] {
      var warnings: [String] = []
      if contains(.normalizes) {
        warnings.append(
          "text is normalised to form C before it is cut, which llama.cpp does not do: give it text in that form")
      }
      if contains(.removesSpaces) {
        warnings.append(
          "spaces at the ends of a text and runs of them are removed before it is cut, which llama.cpp does not do: "
            + "give it text without them")
      }
      return warnings
    }

    /// Texts with which nothing is done.
    func prepared(_ texts: [String]) -> [String] {
      var texts = texts
      if contains(.normalizes) {
        texts.removeAll { !$0.utf8.elementsEqual($0.precomposedStringWithCanonicalMapping.utf8) }
      }
      if contains(.removesSpaces) { texts = texts.map { $0.split(separator: " ").joined(separator: " ") } }
      return texts
    }
  }

  /// Sets the token with an id, behind names for ids that have none.
  mutating func set(_ id: Int, _ token: Token) {
    pad(to: id + 1)
    tokens[id] = token
  }

  /// Adds names for ids that have no token, as llama.cpp's converter makes them up, until there are so many.
  mutating func pad(to count: Int) {
    while tokens.count < count { tokens.append(Self.padding(tokens.count)) }
  }

  /// The token of an id that has none.
  static func padding(_ id: Int) -> Token { Token(bytes: Array("[PAD\(id)]".utf8), kind: .unused, score: -10_000) }

  /// The error for what llama.cpp does otherwise.
  static func refusal(_ key: String, expected: String, found: String, advice: String? = nil) -> TokenizationError {
    .value(InvalidValue("the tokenizer", key, expected: expected, found: found, advice: advice))
  }
}

/// What a GGUF file says of a tokenizer.
public struct GGUFTokenizerMetadata: Sendable {
  /// Keys and values, but for the special ids that a model has, too: BOS, EOS and PAD.
  public let values: [(key: String, value: GGUFWrittenValue)]
  /// What a file does not say, one sentence each.
  public let warnings: [String]
  let preparation: GGUFWrittenVocabulary.Preparation
}

extension Tokenizer {
  /// The tokenizer in the words of a GGUF file for a model with so many outputs, at least one for each token. Throws
  /// `value` where llama.cpp would make other ids of text.
  public func metadataInGGUF(outputs: Int) throws(TokenizationError) -> GGUFTokenizerMetadata {
    guard let tokenizer = self as? any GGUFTokenizer else {
      throw GGUFWrittenVocabulary.refusal(
        "kind", expected: "SentencePiece's BPE or byte-level BPE, which llama.cpp reads", found: "another one")
    }
    var vocabulary = try tokenizer.vocabularyInGGUF()
    vocabulary.pad(to: outputs)
    let prefix = "tokenizer.ggml."
    let tokens = vocabulary.tokens
    var values: [(key: String, value: GGUFWrittenValue)] = [
      (prefix + "model", .string(vocabulary.model)), (prefix + "pre", .string(vocabulary.pre)),
      (prefix + "tokens", .strings(tokens.map(\.bytes))),
      (prefix + "token_type", .int32s(tokens.map { Int32($0.kind.rawValue) })),
    ]
    if let merges = vocabulary.merges {
      values.append((prefix + "merges", .strings(merges)))
    } else {
      values.append((prefix + "scores", .float32s(tokens.map(\.score))))
    }
    if let unknownID { values.append((prefix + "unknown_token_id", .uint32(UInt32(unknownID)))) }
    values += [
      (prefix + "add_bos_token", .bool(bosID != nil)), (prefix + "add_eos_token", .bool(false)),
      (prefix + "add_space_prefix", .bool(vocabulary.addsSpacePrefix)),
    ]
    if !vocabulary.matchesSpecialTokens {
      values.append((GGUFWrittenVocabulary.matchesSpecialTokensKey, .bool(false)))
    }
    if let template = ChatTemplateText(of: self) { values.append(("tokenizer.chat_template", .string(template.text))) }
    if let origin {
      let file = origin.file(for: digest)
      values.append((VocabularyOrigin.metadataKey, .string(String(decoding: file.contents, as: UTF8.self))))
    }
    return GGUFTokenizerMetadata(
      values: values, warnings: vocabulary.preparation.warnings + vocabulary.warnings,
      preparation: vocabulary.preparation)
  }
}
