/// How much of a validation text is part of a training text: what a model was trained on says nothing of what it will do
/// on other text.
public struct TextOverlap: Hashable, Sendable {
  /// The documents of the validation text.
  public internal(set) var documents = 0
  /// Those of them that are documents of the training text, too, word for word.
  public internal(set) var sharedDocuments = 0
  /// The long lines of the validation text, of `TextOverlap.longLine` bytes or more.
  public internal(set) var lines = 0
  /// Those of them that the training text has, too.
  public internal(set) var sharedLines = 0

  /// The bytes from which on a line counts; shorter ones are often the same by chance.
  public static let longLine = 40

  /// Whether all of the validation text is part of the training text.
  public var isComplete: Bool { documents == sharedDocuments || lines > 0 && lines == sharedLines }

  /// Whether so much is shared that it cannot be chance: a document, or one in ten of the long lines.
  public var isNotable: Bool { sharedDocuments > 0 || lines > 0 && 10 * sharedLines >= lines }
}

extension Corpus {
  /// How much of this corpus, meant for validation, is part of another one that is trained on. Both are read once.
  /// Throws what is wrong with either.
  public func overlap(with training: Corpus) throws(TokenizationError) -> TextOverlap {
    var own = TextDigests()
    try own.read(self)
    // Of a text that is there twice all is shared: what is found is counted once.
    var (documents, lines) = (Set(own.documents), Set(own.lines))
    var overlap = TextOverlap()
    (overlap.documents, overlap.lines) = (documents.count, lines.count)
    var other = TextDigests()
    other.document = { if documents.remove($0) != nil { overlap.sharedDocuments += 1 } }
    other.line = { if lines.remove($0) != nil { overlap.sharedLines += 1 } }
    try other.read(training)
    return overlap
  }
}

/// Digests of the documents and of the long lines of a corpus, for one process.
private struct TextDigests {
  var documents: [Int] = []
  var lines: [Int] = []
  /// What takes the digests of documents and lines in place of these arrays.
  var document: ((Int) -> Void)?
  var line: ((Int) -> Void)?

  /// What is read of a line so far.
  private var pending: [UInt8] = []
  private var hasher = Hasher()

  mutating func read(_ corpus: Corpus) throws(TokenizationError) {
    var reader = CorpusReader(corpus)
    while let event = try reader.nextEvent() {
      switch event {
      case .startOfDocument: hasher = Hasher()
      case .text(let text): add(text)
      case .row(let row):
        for part in row.parts where part.isCounted {
          add(Array(part.text.utf8))
          endLine()
        }
      case .endOfDocument:
        endLine()
        let digest = hasher.finalize()
        if let document { document(digest) } else { documents.append(digest) }
      }
    }
  }

  private mutating func add(_ text: [UInt8]) {
    var rest = text[...]
    while let end = rest.firstIndex(of: 0x0A) {
      pending += rest[..<end]
      endLine()
      rest = rest[(end + 1)...]
    }
    pending += rest
  }

  private mutating func endLine() {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
    guard let first = pending.firstIndex(where: { !isSpace($0) }),
      let last = pending.lastIndex(where: { !isSpace($0) })
    else { return pending.removeAll(keepingCapacity: true) }
    let text = pending[first...last]
    var lineHasher = Hasher()
    text.withUnsafeBytes { lineHasher.combine(bytes: $0) }
    let digest = lineHasher.finalize()
    hasher.combine(digest)
    if text.count >= TextOverlap.longLine {
      if let line { line(digest) } else { lines.append(digest) }
    }
    pending.removeAll(keepingCapacity: true)
  }
}
