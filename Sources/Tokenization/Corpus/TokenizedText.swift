public import Foundation

/// How far a reading of text has come.
public struct TokenizationProgress: Sendable {
  /// Bytes of the files read so far.
  public let bytesDone: Int
  /// Bytes of all files.
  public let bytesTotal: Int
}

/// Text as ids, with what bits per byte and word perplexity need.
public struct TokenizedText: Sendable {
  /// The ids of all documents, one after another, without BOS and EOS.
  public internal(set) var ids: [Int32] = []
  /// Bytes, words and documents of the text.
  public internal(set) var counts = TextCounts()
}

extension Tokenizer {
  /// The ids of all text of `corpus`, prompts included, as one stream without BOS and EOS: what perplexity is measured
  /// on. The ids are those of `encode` on each whole document, though the text is read in parts.
  ///
  /// Throws what is wrong with the text: `file`, `notUTF8`, `emptyText`, `malformedJSONLine`.
  public func tokens(
    of corpus: Corpus, threads: Int = ProcessInfo.processInfo.activeProcessorCount,
    progress: (TokenizationProgress) -> Void = { _ in }
  ) throws(TokenizationError) -> TokenizedText {
    var text = TokenizedText()
    text.counts = try read(corpus, threads: threads, progress: progress) { part in
      text.ids += part.ids
    }.all
    return text
  }

  /// Encodes `corpus` in a stream, and counts its text: all of it, and that which counts in the loss.
  func read(
    _ corpus: Corpus, threads: Int, progress: (TokenizationProgress) -> Void,
    _ body: (TextPart) throws(TokenizationError) -> Void
  ) throws(TokenizationError) -> (all: TextCounts, counted: TextCounts) {
    var reader = CorpusReader(corpus)
    var encoder = TokenEncoder(self, threads: threads)
    var (all, counted) = (TextCounts(), TextCounts())
    var (allWords, countedWords) = (WordCounter(), WordCounter())
    func count(_ text: [UInt8]) {
      all.bytes += text.count
      counted.bytes += text.count
      allWords.add(text.span.bytes)
      countedWords.add(text.span.bytes)
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
        all.bytes += prompt.count
        allWords.add(prompt.span.bytes)
        count(text)
        let ids = encode(prompt: prompt, completion: text, threads: threads)
        try body(.ids(ids.prompt, counted: false))
        try body(.ids(ids.completion, counted: true))
      case .endOfDocument:
        try body(.ids(encoder.finishPart(), counted: true))
        try body(.endOfDocument)
        all.documents += 1
        counted.documents += 1
        allWords.endText()
        countedWords.endText()
      }
      progress(TokenizationProgress(bytesDone: reader.bytesDone, bytesTotal: corpus.byteCount))
    }
    (all.words, counted.words) = (allWords.words, countedWords.words)
    return (all, counted)
  }
}

/// What a reading of text hands on.
enum TextPart {
  case startOfDocument
  case ids([Int32], counted: Bool)
  case endOfDocument

  var ids: [Int32] {
    if case .ids(let ids, _) = self { ids } else { [] }
  }
}
