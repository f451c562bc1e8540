import Diagnostics

/// Reads a corpus, a part of bounded size at a time; files are mapped, so they may be larger than memory. (Only a row
/// of JSON is taken whole.)
struct CorpusReader {
  enum Event: Equatable {
    case startOfDocument
    /// The next part of the document, which counts: valid UTF-8, though possibly cut inside a character.
    case text([UInt8])
    /// All of a document of several parts.
    case row(TextRow)
    /// The document's end: whether the text comes to an end there, rather than being cut off.
    case endOfDocument(hasEnd: Bool)
  }

  private static let partSize = 1 << 20

  private let corpus: Corpus
  private var next = 0
  private var text: OpenText?
  private var offset = 0
  private var elements = JSONElements()
  private var validator = UTF8Validator()
  /// Whether the text that is being read has any rows that are not empty.
  private var hasText = false
  /// Whether any document was read.
  private var hasDocuments = false
  /// The number of rows and blocks so far, over all texts, and where the block ends that is being read.
  private var (units, blockEnd, isInDocument) = (0, 0, false)
  /// The number of rows and blocks that are drawn from, or that of a whole group where there are more; nil before they
  /// are counted.
  private var unitsToDraw: Int?
  /// Events that are already known, last first.
  private var events: [Event] = []
  /// Bytes of the texts read so far.
  private(set) var bytesDone = 0

  init(_ corpus: Corpus) { self.corpus = corpus }

  /// The name of the text that the last event is of.
  var sourceName: String { corpus.sources[text == nil ? max(0, next - 1) : next].name }

  /// The next event, or `nil` at the end. Throws what is wrong with the text.
  mutating func nextEvent() throws(TokenizationError) -> Event? {
    if let part = corpus.part, unitsToDraw == nil {
      unitsToDraw = try Self.units(of: corpus, upTo: part.firstGroupSize)
    }
    while true {
      if let event = events.popLast() {
        if event == .startOfDocument { hasDocuments = true }
        return event
      }
      guard try goOn() else { break }
    }
    if let part = corpus.part, !hasDocuments {
      throw .value(
        InvalidValue(
          "validation-share", expected: "a share that leaves some text for training and for validation",
          found: "\(part.share) of \(units == 1 ? "one row or block" : "\(units) rows or blocks") of paragraphs",
          advice: "give another share, or a text of its own for validation"))
    }
    return nil
  }

  /// Reads on by a part, a row or a file. Returns false at the end of the corpus.
  private mutating func goOn() throws(TokenizationError) -> Bool {
    guard let text else {
      guard next < corpus.sources.count else { return false }
      try open(corpus.sources[next])
      return true
    }
    switch corpus.sources[next].format {
    case .plain: try readPart(of: text)
    case .jsonLines: try readLine(of: text)
    case .json: try readElement(of: text)
    }
    return true
  }

  /// The number of rows and blocks of `corpus`, or `limit` where there are more.
  private static func units(of corpus: Corpus, upTo limit: Int) throws(TokenizationError) -> Int {
    var reader = CorpusReader(corpus)
    while reader.units < limit, try reader.goOn() { reader.events = [] }
    return reader.units
  }

  /// Whether the row or block that begins is in the part that is read.
  private var isWanted: Bool { corpus.part?.contains(units, of: unitsToDraw ?? .max) ?? true }

  private mutating func open(_ source: TextSource) throws(TokenizationError) {
    let opened = try OpenText(source)
    offset = opened.start
    try opened.requireContent()
    text = opened
    bytesDone += offset
    (elements, hasText, blockEnd, isInDocument) = (JSONElements(), false, offset, false)
    if source.format == .plain, corpus.part == nil {
      events = [.startOfDocument]
      isInDocument = true
    }
  }

  private mutating func close() {
    text = nil
    next += 1
  }

  // MARK: - Plain text

  private mutating func readPart(of text: OpenText) throws(TokenizationError) {
    guard offset < text.count else {
      guard !validator.isInsideCharacter else { throw text.notUTF8(at: text.count) }
      if isInDocument { events = [.endOfDocument(hasEnd: true)] }
      return close()
    }
    if let part = corpus.part {
      if offset == blockEnd { try beginBlock(of: text, part) }
      guard isInDocument else { return }
    }
    let end = min(corpus.part == nil ? text.count : blockEnd, offset + Self.partSize)
    events.insert(.text(try bytes(of: text, upTo: end)), at: 0)
  }

  /// Begins the block at `offset` or, where it is of another part, goes past it.
  private mutating func beginBlock(of text: OpenText, _ part: CorpusPart) throws(TokenizationError) {
    blockEnd = text.endOfBlock(from: offset, blockBytes: part.blockBytes)
    let isWanted = isWanted
    units += 1
    if isWanted != isInDocument { events = [isWanted ? .startOfDocument : .endOfDocument(hasEnd: false)] }
    isInDocument = isWanted
    if !isWanted {
      bytesDone += blockEnd - offset
      offset = blockEnd
    }
  }

  // MARK: - Rows

  private mutating func readLine(of text: OpenText) throws(TokenizationError) {
    guard offset < text.count else { return try closeRows(of: text) }
    let (start, end) = (offset, text.firstIndex(of: 0x0A, from: offset))
    let line = try bytes(of: text, upTo: end)
    guard !validator.isInsideCharacter else { throw text.notUTF8(at: end) }
    if offset < text.count {
      offset += 1
      bytesDone += 1
    }
    if OpenText.isBlank(line) { return }
    try readRow(line, at: start, of: text)
  }

  private mutating func readElement(of text: OpenText) throws(TokenizationError) {
    // All of it is looked at by the first search.
    if offset == text.start { try text.requireUTF8() }
    let start = text.start
    switch (text.withBytes { elements.next(in: $0.extracting(droppingFirst: start)) }) {
    case .element(let range):
      let range = start + range.lowerBound..<start + range.upperBound
      bytesDone += range.upperBound - offset
      offset = range.upperBound
      try readRow(text.bytes(range), at: range.lowerBound, of: text)
    case .end:
      bytesDone += text.count - offset
      offset = text.count
      try closeRows(of: text)
    case .defect(let reason, let place):
      throw text.malformed(at: start + place, reason, showsColumn: true)
    }
  }

  private mutating func readRow(_ bytes: [UInt8], at start: Int, of text: OpenText) throws(TokenizationError) {
    defer { units += 1 }
    guard isWanted else {
      hasText = true
      return
    }
    let value = try text.row(bytes, at: start)
    let row: TextRow
    do { row = try TextRow(value, corpus.keys, corpus.chatFormat) } catch {
      throw text.malformed(at: start, error.text)
    }
    guard !row.parts.isEmpty else { return }
    hasText = true
    let content = row.plainText.map { Event.text(Array($0.utf8)) } ?? .row(row)
    events = [.endOfDocument(hasEnd: row.hasEnd), content, .startOfDocument]
  }

  private mutating func closeRows(of text: OpenText) throws(TokenizationError) {
    guard hasText else { throw .emptyText(file: text.name) }
    close()
  }

  // MARK: - Bytes

  /// Checks and takes the bytes from `offset` to `end`.
  private mutating func bytes(of text: OpenText, upTo end: Int) throws(TokenizationError) -> [UInt8] {
    let part = text.bytes(offset..<end)
    if let invalid = validator.firstInvalid(in: part.span.bytes) { throw text.notUTF8(at: offset + invalid) }
    bytesDone += end - offset
    offset = end
    return part
  }
}
