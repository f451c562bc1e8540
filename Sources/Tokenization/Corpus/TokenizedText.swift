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
  /// Throws what is wrong with the text: `file`, `notUTF8`, `emptyText`, `malformedJSONLine`.
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
      case .endOfDocument: text.documents.append(document)
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
    let countsPrompts = corpus.counting == .prompts
    func count(_ text: [UInt8]) {
      counts.bytes += text.count
      words.add(text.span.bytes)
    }
    while let event = try reader.nextEvent() {
      switch event {
      case .startOfDocument:
        encoder = TokenEncoder(self, threads: threads)
        try body(.startOfDocument)
      case .text(let text):
        count(text)
        try body(.ids(encoder.append(text), counted: true))
      case .completion(let text, let prompt):
        if countsPrompts { count(prompt) }
        count(text)
        let ids = encode(prompt: prompt, completion: text, threads: threads)
        try body(.ids(ids.prompt, counted: countsPrompts))
        try body(.ids(ids.completion, counted: true))
      case .endOfDocument:
        try body(.ids(encoder.finishPart(), counted: true))
        try body(.endOfDocument)
        counts.documents += 1
        words.endText()
      }
      progress(TokenizationProgress(bytesDone: reader.bytesDone, bytesTotal: corpus.byteCount))
    }
    counts.words = words.words
    return counts
  }
}

/// What a reading of text hands on.
enum TextPart {
  case startOfDocument
  case ids([Int32], counted: Bool)
  case endOfDocument
}
