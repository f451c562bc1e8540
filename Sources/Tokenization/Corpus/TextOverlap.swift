/// How much of a validation text is part of a training text: what a model was trained on says nothing of what it will
/// do on other text.
public struct TextOverlap: Hashable, Sendable {
  /// The documents of the validation text.
  public internal(set) var documents = 0
  /// Those of them that are documents of the training text, too, word for word.
  public internal(set) var sharedDocuments = 0
  /// The long lines of the validation text, of `TextOverlap.longLine` bytes or more.
  public internal(set) var lines = 0
  /// Those of them that the training text has, too.
  public internal(set) var sharedLines = 0
  /// The bytes of all different lines of the validation text, and of the long ones.
  var (bytes, longLineBytes) = (0, 0)

  /// The bytes from which on a line counts; shorter ones are often the same by chance.
  public static let longLine = 40

  /// Whether all of the validation text is part of the training text: all documents, or all long lines where these
  /// are most of the text, rather than a header that many files have.
  public var isComplete: Bool {
    documents == sharedDocuments || lines > 0 && lines == sharedLines && 2 * longLineBytes > bytes
  }

  /// Whether so much is shared that it cannot be chance: a document, or one in ten of the long lines.
  public var isNotable: Bool { sharedDocuments > 0 || lines > 0 && 10 * sharedLines >= lines }
}

extension Corpus {
  /// How much of this corpus, meant for validation, is part of another one that is trained on. Both are read once.
  /// Throws what is wrong with either.
  public func overlap(with training: Corpus) throws(TokenizationError) -> TextOverlap {
    // Of a text that is there twice all is shared: what is found is counted once.
    var (documents, lines, overlap) = (Set<Int>(), [Int: Int](), TextOverlap())
    var own = TextDigests(document: { documents.insert($0) }, line: { lines[$0] = $1 })
    try own.read(self)
    overlap.bytes = lines.values.reduce(0, +)
    lines = lines.filter { $1 >= TextOverlap.longLine }
    overlap.longLineBytes = lines.values.reduce(0, +)
    (overlap.documents, overlap.lines) = (documents.count, lines.count)
    var other = TextDigests(
      document: { if documents.remove($0) != nil { overlap.sharedDocuments += 1 } },
      line: { digest, _ in if lines.removeValue(forKey: digest) != nil { overlap.sharedLines += 1 } })
    try other.read(training)
    return overlap
  }
}

/// Takes digests, for one process, of the documents and the lines of a corpus: prompts as well as completions, since
/// many rows have the same short answer.
private struct TextDigests {
  /// Receives the digest of each document.
  let document: (Int) -> Void
  /// Receives the digest of each line that is not blank, and its bytes.
  let line: (Int, Int) -> Void

  /// What is read of a line so far.
  private var pending: [UInt8] = []
  private var hasher = Hasher()

  init(document: @escaping (Int) -> Void, line: @escaping (Int, Int) -> Void) {
    self.document = document
    self.line = line
  }

  mutating func read(_ corpus: Corpus) throws(TokenizationError) {
    var reader = CorpusReader(corpus)
    while let event = try reader.nextEvent() {
      switch event {
      case .startOfDocument: hasher = Hasher()
      case .text(let text): add(text)
      case .row(let row):
        for part in row.parts {
          add(Array(part.text.utf8))
          endLine()
        }
      case .endOfDocument:
        endLine()
        document(hasher.finalize())
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
    line(digest, text.count)
    pending.removeAll(keepingCapacity: true)
  }
}
