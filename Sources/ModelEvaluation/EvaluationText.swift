public import Tokenization

/// Text to evaluate models on: documents as tokens, those that count marked, and the bytes and words that these were
/// made from.
public struct EvaluationText: Sendable, Equatable {
  /// The documents, without BOS and EOS. No window reaches from one document into the next.
  public let documents: [TokenizedDocument]
  /// The number of UTF-8 bytes of the text that counts, if known.
  public let byteCount: Int?
  /// The number of words of the text that counts, if known: longest runs of characters that are no white space.
  public let wordCount: Int?
  /// The token that begins a text, if the tokenizer has one.
  public let beginningID: Int32?
  /// The number of tokens of all documents.
  public let tokenCount: Int
  /// The number of tokens that count.
  public let countedTokens: Int

  /// Documents that are tokens already.
  /// - Parameters:
  ///   - documents: the tokens of each document, without BOS and EOS.
  ///   - byteCount: the number of UTF-8 bytes that the counted tokens were made from, if known.
  ///   - wordCount: the number of words that the counted tokens were made from, if known.
  ///   - beginningID: the token that begins a text, if the tokenizer has one.
  public init(
    _ documents: [TokenizedDocument], byteCount: Int? = nil, wordCount: Int? = nil, beginningID: Int32? = nil
  ) {
    self.documents = documents
    self.byteCount = byteCount
    self.wordCount = wordCount
    self.beginningID = beginningID
    tokenCount = documents.reduce(0) { $0 + $1.ids.count }
    countedTokens = documents.reduce(0) { $0 + $1.countedTokens }
  }

  /// Documents of which all tokens count; the parameters are as those of `init(_:byteCount:wordCount:beginningID:)`.
  public init(
    documents: [[Int32]], byteCount: Int? = nil, wordCount: Int? = nil, beginningID: Int32? = nil
  ) {
    self.init(
      documents.map { TokenizedDocument($0) }, byteCount: byteCount, wordCount: wordCount, beginningID: beginningID)
  }

  /// A corpus that is tokenised already.
  public init(_ text: TokenizedText, tokenizer: any Tokenizer) {
    self.init(
      text.documents, byteCount: text.counts.bytes, wordCount: text.counts.words, beginningID: tokenizer.bosID)
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

  /// The tokens of all documents, one after another.
  public var ids: [Int32] { documents.flatMap(\.ids) }

  /// The tokens of all documents that count, one after another.
  public var countedIDs: [Int32] { documents.flatMap(\.countedIDs) }

  /// The place among all tokens of the text of the token that is at `position` among those that count.
  func place(ofCounted position: Int) -> Int {
    var (before, start) = (position, 0)
    for document in documents {
      for range in document.counted {
        if before < range.count { return start + range.lowerBound + before }
        before -= range.count
      }
      start += document.ids.count
    }
    preconditionFailure("counted token \(position) of \(countedTokens)")
  }

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
