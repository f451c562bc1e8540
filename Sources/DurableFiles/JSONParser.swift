/// A JSON parser. Foundation's parsers keep one of two members with the same key and say nothing; in a header of
/// tensors that would hide a damaged or malicious file, so here it is an error unless the dialect is Python's.
struct JSONParser {
  let bytes: [UInt8]
  private let file: String
  private let dialect: JSONDialect
  var position = 0
  private var depth = 0
  /// Deeper nesting than any format here has, and shallow enough for the stack of a worker thread.
  private static let depthLimit = 64

  private init(bytes: [UInt8], file: String, dialect: JSONDialect) {
    self.bytes = bytes
    self.file = file
    self.dialect = dialect
  }

  var isPython: Bool { dialect == .python }
  /// Whether NaN and infinity are values.
  private var takesNonFinite: Bool { dialect != .strict }

  /// A number that is not finite, as the dialect has it.
  private func nonFinite(_ value: Double) -> JSONValue { isPython ? .number(value) : .null }

  /// Parses UTF-8 text; `file` is for errors. Throws `invalidJSON` or `duplicateKey`.
  static func parse(_ bytes: [UInt8], file: String, dialect: JSONDialect) throws(FileError) -> JSONValue {
    var parser = JSONParser(bytes: bytes, file: file, dialect: dialect)
    let value = try parser.value()
    parser.skipSpace()
    guard parser.position == bytes.count else { throw parser.unexpected("the end of the text") }
    return value
  }

  var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  func invalid(_ reason: String) -> FileError {
    .invalidJSON(file: file, byteOffset: position, reason: reason)
  }

  func unexpected(_ expected: String) -> FileError {
    let found =
      switch next {
      case nil: "the end"
      case .some(let byte) where byte >= 0x20 && byte < 0x7F: "'\(Character(UnicodeScalar(byte)))'"
      case .some(let byte): "byte \(byte)"
      }
    return invalid("expected \(expected), found \(found)")
  }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  private mutating func consume(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    position += 1
    return true
  }

  private mutating func value() throws(FileError) -> JSONValue {
    skipSpace()
    guard let byte = next else { throw unexpected("a value") }
    switch byte {
    case UInt8(ascii: "{"): return try nested { (parser) throws(FileError) in try parser.object() }
    case UInt8(ascii: "["): return try nested { (parser) throws(FileError) in try parser.array() }
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    case UInt8(ascii: "N") where takesNonFinite: return try literal("NaN", nonFinite(.nan))
    case UInt8(ascii: "I") where takesNonFinite: return try literal("Infinity", nonFinite(.infinity))
    default: throw unexpected("a value")
    }
  }

  private mutating func nested(
    _ parse: (inout JSONParser) throws(FileError) -> JSONValue
  ) throws(FileError) -> JSONValue {
    guard depth < Self.depthLimit else {
      throw .nestedTooDeeply(file: file, byteOffset: position, limit: Self.depthLimit)
    }
    depth += 1
    defer { depth -= 1 }
    position += 1
    return try parse(&self)
  }

  private mutating func object() throws(FileError) -> JSONValue {
    var members: [String: JSONValue] = [:]
    skipSpace()
    if consume(UInt8(ascii: "}")) { return .object(members) }
    repeat {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw unexpected("a key in quotes") }
      let key = try string()
      skipSpace()
      guard consume(UInt8(ascii: ":")) else { throw unexpected("':'") }
      guard members.updateValue(try value(), forKey: key) == nil || isPython else {
        throw .duplicateKey(file: file, key: key)
      }
      skipSpace()
    } while consume(UInt8(ascii: ","))
    guard consume(UInt8(ascii: "}")) else { throw unexpected("',' or '}'") }
    return .object(members)
  }

  private mutating func array() throws(FileError) -> JSONValue {
    var elements: [JSONValue] = []
    skipSpace()
    if consume(UInt8(ascii: "]")) { return .array(elements) }
    repeat {
      elements.append(try value())
      skipSpace()
    } while consume(UInt8(ascii: ","))
    guard consume(UInt8(ascii: "]")) else { throw unexpected("',' or ']'") }
    return .array(elements)
  }

  private mutating func literal(_ text: String, _ value: JSONValue) throws(FileError) -> JSONValue {
    for byte in text.utf8 {
      guard consume(byte) else { throw unexpected("'\(text)'") }
    }
    return value
  }

  private mutating func digits() throws(FileError) {
    let start = position
    while let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
    guard position > start else { throw unexpected("a digit") }
  }

  private mutating func number() throws(FileError) -> JSONValue {
    let start = position
    if consume(UInt8(ascii: "-")), takesNonFinite, next == UInt8(ascii: "I") {
      return try literal("Infinity", nonFinite(-.infinity))
    }
    if !consume(UInt8(ascii: "0")) { try digits() }
    var isInteger = true
    if consume(UInt8(ascii: ".")) {
      isInteger = false
      try digits()
    }
    if consume(UInt8(ascii: "e")) || consume(UInt8(ascii: "E")) {
      isInteger = false
      if !consume(UInt8(ascii: "+")) { _ = consume(UInt8(ascii: "-")) }
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let value = Int(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite || takesNonFinite else { throw invalid("\(text) is too large") }
    return value.isFinite ? .number(value) : nonFinite(value)
  }
}
