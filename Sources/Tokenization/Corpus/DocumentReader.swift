/// A document of a corpus as text.
public struct CorpusDocument: Hashable, Sendable {
  /// The text that it lies in: a file's path.
  public let source: String
  /// All of its text, UTF-8: of a row all parts, one after another.
  public let text: [UInt8]
}

/// Reads a corpus document by document.
public struct DocumentReader {
  private var reader: CorpusReader

  /// Begins with the first document of `corpus`.
  public init(_ corpus: Corpus) { reader = CorpusReader(corpus) }

  /// The next document; nil at the end. Throws what is wrong with the text: `file`, `notUTF8`, `emptyText`,
  /// `malformedJSONLine`, `value`.
  public mutating func next() throws(TokenizationError) -> CorpusDocument? {
    var text: [UInt8] = []
    while let event = try reader.nextEvent() {
      switch event {
      case .startOfDocument: continue
      case .text(let part): text += part
      case .row(let row): text += row.parts.map(\.text).joined().utf8
      case .endOfDocument: return CorpusDocument(source: reader.sourceName, text: text)
      }
    }
    return nil
  }
}
