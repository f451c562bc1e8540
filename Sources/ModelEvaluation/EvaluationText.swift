public import Tokenization

/// Text to evaluate models on: the tokens of one or more documents, and the bytes and words they were made from.
public struct EvaluationText: Sendable, Equatable {
  /// The tokens of each document, without BOS and EOS. No window reaches from one document into the next.
  public let documents: [[Int32]]
  /// The number of UTF-8 bytes of the text, if known.
  public let byteCount: Int?
  /// The number of words of the text, if known: longest runs of characters that are no white space.
  public let wordCount: Int?
  /// The token that begins a text, if the tokenizer has one.
  public let beginningID: Int32?

  /// Documents that are tokens already.
  /// - Parameters:
  ///   - documents: the tokens of each document, without BOS and EOS.
  ///   - byteCount: the number of UTF-8 bytes they were made from, if known.
  ///   - wordCount: the number of words they were made from, if known.
  ///   - beginningID: the token that begins a text, if the tokenizer has one.
  public init(documents: [[Int32]], byteCount: Int? = nil, wordCount: Int? = nil, beginningID: Int32? = nil) {
    self.documents = documents
    self.byteCount = byteCount
    self.wordCount = wordCount
    self.beginningID = beginningID
  }

  /// A corpus that is tokenised already, as one document.
  public init(_ text: TokenizedText, tokenizer: any Tokenizer) {
    self.init(
      documents: [text.ids], byteCount: text.counts.bytes, wordCount: text.counts.words, beginningID: tokenizer.bosID)
  }

  /// Encodes texts, each a document of its own.
  public init(_ texts: [String], tokenizer: any Tokenizer) {
    self.init(
      documents: tokenizer.encode(texts), byteCount: texts.reduce(0) { $0 + $1.utf8.count },
      wordCount: texts.reduce(0) { $0 + Self.wordCount(of: $1) }, beginningID: tokenizer.bosID)
  }

  /// Encodes a text.
  public init(_ text: String, tokenizer: any Tokenizer) {
    self.init([text], tokenizer: tokenizer)
  }

  /// The number of tokens of all documents.
  public var tokenCount: Int { documents.reduce(0) { $0 + $1.count } }

  /// The number of longest runs of characters without the Unicode property White_Space.
  static func wordCount(of text: String) -> Int {
    var words = 0
    var isInWord = false
    for scalar in text.unicodeScalars {
      let isSpace = scalar.properties.isWhitespace
      if !isSpace && !isInWord { words += 1 }
      isInWord = !isSpace
    }
    return words
  }
}
