public import DurableFiles

extension OpenText {
  /// Whether a line has nothing but white space.
  static func isBlank(_ line: [UInt8]) -> Bool { line.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D } }

  /// Parses a row that begins at `start`. Throws `malformedJSONLine`.
  func row(_ bytes: [UInt8], at start: Int) throws(TokenizationError) -> JSONValue {
    do { return try JSONValue(parsing: bytes, file: name, dialect: .rows) } catch {
      switch error {
      case .nestedTooDeeply(_, let offset, let limit):
        throw malformed(
          at: start + offset, "expected values within at most \(limit) others, found one that lies deeper",
          showsColumn: true)
      case .invalidJSON(_, let offset, let reason):
        throw malformed(at: start + offset, "not valid JSON: \(reason)", showsColumn: true)
      case .duplicateKey(_, let key):
        throw malformed(at: start, "expected each key once, found \"\(key)\" twice")
      default:
        throw .file(error)
      }
    }
  }

  /// The error for a row that is damaged, or of another kind, at `offset`.
  func malformed(at offset: Int, _ reason: String, showsColumn: Bool = false) -> TokenizationError {
    let place = place(of: min(offset, count))
    return .malformedJSONLine(
      file: name, line: place.line, reason: showsColumn ? "column \(place.column): \(reason)" : reason)
  }

  /// The error for the byte at `offset`, which cannot be part of UTF-8.
  func notUTF8(at offset: Int) -> TokenizationError {
    .notUTF8(file: name, byteOffset: offset, line: place(of: offset).line)
  }

  /// Throws `notUTF8` where it is none.
  func requireUTF8() throws(TokenizationError) {
    var validator = UTF8Validator()
    if let invalid = withBytes({ validator.firstInvalid(in: $0) }) { throw notUTF8(at: invalid) }
    if validator.isInsideCharacter { throw notUTF8(at: count) }
  }
}

/// A JSON value in a file of rows.
public struct JSONRow: Sendable {
  /// The value.
  public let value: JSONValue
  /// The line that it begins in, counted from 1.
  public let line: Int
}

/// A small file of plain text or of rows, read as a whole.
public struct SmallTextFile: Sendable {
  private let text: OpenText
  private let format: TextSource.Format

  /// Examines and opens a file. Throws `file`, `notText` or `notUTF8`.
  public init(_ source: TextSource) throws(TokenizationError) {
    text = try OpenText(source)
    format = source.format
    try text.requireUTF8()
  }

  /// Examines a text that is read already, plain whatever its name. Throws `notText`, `notUTF8` or `emptyText`.
  public init(plain bytes: [UInt8], name: String) throws(TokenizationError) {
    try ForeignKind.refuse(bytes, name: name)
    text = OpenText(bytes, name: name)
    format = .plain
    try text.requireUTF8()
    try text.requireContent()
  }

  /// Whether it is a file of rows.
  public var hasRows: Bool { format != .plain }

  /// The text, without a byte order mark.
  public var content: String { String(decoding: text.bytes(text.start..<text.count), as: UTF8.self) }

  /// The rows of JSON Lines, or of JSON. Throws `malformedJSONLine`.
  public func rows() throws(TokenizationError) -> [JSONRow] {
    var (rows, start) = ([JSONRow](), text.start)
    // the line of the last row, and where that row begins
    var (line, counted) = (1, 0)
    func add(_ range: Range<Int>) throws(TokenizationError) {
      let value = try text.row(text.bytes(range), at: range.lowerBound)
      line += text.lineBreaks(in: counted..<range.lowerBound)
      counted = range.lowerBound
      rows.append(JSONRow(value: value, line: line))
    }
    if format == .jsonLines {
      while start < text.count {
        let end = text.firstIndex(of: 0x0A, from: start)
        if !OpenText.isBlank(text.bytes(start..<end)) { try add(start..<end) }
        start = end + 1
      }
      return rows
    }
    var elements = JSONElements()
    while true {
      switch (text.withBytes { elements.next(in: $0.extracting(droppingFirst: start)) }) {
      case .element(let range): try add(start + range.lowerBound..<start + range.upperBound)
      case .end: return rows
      case .defect(let reason, let place): throw text.malformed(at: start + place, reason, showsColumn: true)
      }
    }
  }
}
