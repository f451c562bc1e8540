public import DurableFiles

/// Turns text into token ids and back: a vocabulary, and the rules by which text is cut into its tokens.
///
/// What conforms tells its vocabulary, encodes, decodes, and proves which tokenizer it is; everything else follows from
/// that in extensions: whole texts and streams of text (`encode`, `StreamingEncoder`, `TokenFile`), prompts and their
/// completions (`encode(prompts:)`, `encode(prompt:completion:)`), text while it is generated (`StreamingDecoder`), and
/// the first difference between two tokenizers (`requireSameTokenizer`). One tokenizer may be used from many threads.
public protocol Tokenizer: Sendable {
  /// V, the number of tokens; ids are `0..<V`. A model may have more outputs than that.
  var vocabularySize: Int { get }
  /// The id that begins a text, or `nil` if there is none.
  var bosID: Int32? { get }
  /// The id that ends a text, or `nil` if there is none.
  var eosID: Int32? { get }
  /// The id that fills up batches, or `nil` if there is none.
  var padID: Int32? { get }
  /// The id of everything the vocabulary lacks, or `nil` if there is none.
  var unknownID: Int32? { get }

  /// The token with `id` as the tokenizer's own files spell it, which may have signs of its own for spaces and bytes.
  /// `id` must be in the vocabulary.
  func spelling(of id: Int32) -> String
  /// The first id whose token the tokenizer's own files spell with these bytes, UTF-8; nil where there is none. By
  /// default all are looked at.
  func id(spelled spelling: [UInt8]) -> Int32?
  /// The token with `id` as it is shown when it stands alone, with plain spaces. `id` must be in the vocabulary.
  func text(of id: Int32) -> String
  /// What else the tokenizer knows of the token with `id`, such as its kind, score or rank: the same names for every
  /// id. `id` must be in the vocabulary.
  func details(of id: Int32) -> [TokenizerFact]
  /// What turns text into ids besides the vocabulary and the special ids: the same names for every tokenizer of a kind.
  var settings: [TokenizerFact] { get }
  /// Whether decoding gives back every text unchanged.
  var isLossless: Bool { get }
  /// Whether text that spells the token with `id` becomes this token wherever it stands. Default false.
  func keepsWhole(_ id: Int32) -> Bool

  /// The ids of the texts in `batch`, without BOS and EOS. Up to `threads` threads encode; the ids do not depend on how
  /// many.
  func encode(_ batch: TextBatch, threads: Int) -> EncodedBatch
  /// Moves `place` to the first place, at or after it, where `text` may be cut: where the ids of the two parts, one
  /// after the other, are those of the whole. Which places these are may depend on the text and the vocabulary alone.
  ///
  /// `place` is above 0, and `text` UTF-8 that begins before it, perhaps in the middle of a larger text, and whose last
  /// character may be incomplete. Returns whether there is such a place; if not, `place` is where to go on once more of
  /// the text has arrived.
  func moveToCut(_ place: inout Int, in text: borrowing Span<UInt8>) -> Bool

  /// Begins to decode a text. With `repairsUTF8`, bytes that are no UTF-8 become U+FFFD, and those of a character come
  /// out together; without, all come out as they are.
  func makeDecoder(repairsUTF8: Bool) -> any TokenDecoder
  /// The text of `ids`: what `makeDecoder(repairsUTF8: true)` makes of them.
  func decode(_ ids: some Sequence<Int32>) -> String

  /// What distinguishes this tokenizer from every other one, of this kind and of others.
  var digest: TokenizerDigest { get }
  /// The files that the tokenizer consists of, to be written beside a model's weights. `loadTokenizer(from:)` reads
  /// them back.
  var files: [NamedFile] { get }
}

/// A name and a value, such as the score of a token.
public struct TokenizerFact: Hashable, Sendable {
  /// What is told.
  public var name: String
  /// What it is.
  public var value: String

  /// A fact, as the properties say.
  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// The state of decoding one text, an id at a time. An id outside the vocabulary (of a model with more outputs than its
/// tokenizer has tokens) is decoded to nothing.
public protocol TokenDecoder: Sendable {
  /// Takes the next id, and appends what is certain by now to `bytes`.
  mutating func append(_ id: Int32, to bytes: inout [UInt8])
  /// Takes a text that stands between ids, that of an added token, and appends it and what was held back to `bytes`. By
  /// default nothing else comes of it.
  mutating func append(text: [UInt8], to bytes: inout [UInt8])
  /// Ends the text, and appends what was held back to `bytes`.
  mutating func finish(to bytes: inout [UInt8])
}

extension Tokenizer {
  public func keepsWhole(_ id: Int32) -> Bool { false }

  public func id(spelled spelling: [UInt8]) -> Int32? {
    (0..<Int32(vocabularySize)).first { self.spelling(of: $0).utf8.elementsEqual(spelling) }
  }
}

extension TokenDecoder {
  public mutating func append(text: [UInt8], to bytes: inout [UInt8]) {
    finish(to: &bytes)
    bytes += text
  }
}
