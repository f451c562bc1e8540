public import Foundation

/// How far a reading of text has come.
public struct TokenizationProgress: Sendable {
  /// Bytes of the files read so far.
  public let bytesDone: Int
  /// Bytes of all files.
  public let bytesTotal: Int
}

/// Text as ids, document by document, with what bits per byte and word perplexity need.
public struct TokenizedText: Sendable {
  /// The documents, in the order of the corpus.
  public internal(set) var documents: [TokenizedDocument] = []
  /// Bytes and words of the text that counts, and the number of documents.
  public internal(set) var counts = TextCounts()

  /// The ids of all documents, one after another, without BOS and EOS.
  public var ids: [Int32] { documents.flatMap(\.ids) }
}

extension Tokenizer {
  /// The ids of all text of `corpus`, prompts included: what perplexity is measured on. The ids are those of `encode`
  /// on each whole document, though the text is read in parts; of a prompt and its completion those of
  /// `encode(prompt:completion:)`.
  ///
  /// Throws what is wrong with the text: `file`, `notUTF8`, `emptyText`, `malformedJSONLine`, `value`.
  public func tokens(
    of corpus: Corpus, threads: Int = ProcessInfo.processInfo.activeProcessorCount,
    progress: (TokenizationProgress) -> Void = { _ in }
  ) throws(TokenizationError) -> TokenizedText {
    var text = TokenizedText()
    var document = TokenizedDocument()
    text.counts = try read(corpus, threads: threads, progress: progress) { part in
      switch part {
      case .startOfDocument: document = TokenizedDocument()
      case .ids(let ids, let counted): document.append(ids, counted: counted)
      case .endOfDocument:
        // that of a completion which was generated is not part of the text
        if let eosID, document.ids.last == eosID { document.removeLast() }
        text.documents.append(document)
      }
    }
    return text
  }

  /// Encodes `corpus` in a stream. Returns how much of its text counts.
  func read(
    _ corpus: Corpus, threads: Int, progress: (TokenizationProgress) -> Void,
    _ body: (TextPart) throws(TokenizationError) -> Void
  ) throws(TokenizationError) -> TextCounts {
    var reader = CorpusReader(corpus)
    var encoder = TokenEncoder(self, threads: threads)
    var counts = TextCounts()
    var words = WordCounter()
    // Whether the ids have EOS already, or whatever else ended the text.
    var endsByItself = false
    let countsPrompts = corpus.counting == .prompts
    func count(_ text: [UInt8]) {
      counts.bytes += text.count
      words.add(text.span.bytes)
    }
    while let event = try reader.nextEvent() {
      switch event {
      case .startOfDocument:
        encoder = TokenEncoder(self, threads: threads)
        endsByItself = false
        try body(.startOfDocument)
      case .text(let text):
        count(text)
        try body(.ids(encoder.append(text), counted: true))
      case .row(let row):
        for part in row.parts where part.isCounted || countsPrompts { count(Array(part.text.utf8)) }
        let ids = recordedIDs(of: row)
        endsByItself = ids != nil
        for part in ids ?? encode(row.parts, threads: threads) {
          try body(.ids(part.ids, counted: part.isCounted || countsPrompts))
        }
      case .endOfDocument(let hasEnd):
        try body(.ids(encoder.finish(), counted: true))
        try body(.endOfDocument(hasEnd: hasEnd && !endsByItself))
        counts.documents += 1
        words.endText()
      }
      progress(TokenizationProgress(bytesDone: reader.bytesDone, bytesTotal: corpus.byteCount))
    }
    counts.words = words.words
    return counts
  }

  /// The ids that a row records, where they are this tokenizer's and stand for its text.
  private func recordedIDs(of row: TextRow) -> [EncodedPart]? {
    guard let recorded = row.recorded, row.parts.count == 2,
      recorded.agrees(with: self, prompt: row.parts[0].text, completion: row.parts[1].text)
    else { return nil }
    return [
      EncodedPart(ids: recorded.prompt, isCounted: false), EncodedPart(ids: recorded.completion, isCounted: true),
    ]
  }
}

/// What a reading of text hands on.
enum TextPart {
  case startOfDocument
  case ids([Int32], counted: Bool)
  /// The end, and whether EOS follows: the text comes to an end, and its ids do not have one.
  case endOfDocument(hasEnd: Bool)
}
