/// Checks that bytes which arrive in parts are UTF-8.
struct UTF8Validator {
  /// How many trailing bytes are due, and what the next one must lie in.
  private var due = 0
  private var range: ClosedRange<UInt8> = 0x80...0xBF

  /// Whether a character is incomplete.
  var isInsideCharacter: Bool { due > 0 }

  /// The offset in `bytes` of the first byte that cannot be, or `nil`.
  mutating func firstInvalid(in bytes: borrowing RawSpan) -> Int? {
    var offset = 0
    let count = bytes.byteCount
    while offset < count {
      if due == 0, offset + 8 <= count,
        bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
      {
        offset += 8
        continue
      }
      let byte = bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
      if due > 0 {
        guard range.contains(byte) else { return offset }
        due -= 1
        range = 0x80...0xBF
      } else if byte >= 0x80 {
        // Unicode, table 3-7: well-formed UTF-8 byte sequences.
        switch byte {
        case 0xC2...0xDF: due = 1
        case 0xE0: (due, range) = (2, 0xA0...0xBF)
        case 0xED: (due, range) = (2, 0x80...0x9F)
        case 0xE1...0xEF: due = 2
        case 0xF0: (due, range) = (3, 0x90...0xBF)
        case 0xF1...0xF3: due = 3
        case 0xF4: (due, range) = (3, 0x80...0x8F)
        default: return offset
        }
      }
      offset += 1
    }
    return nil
  }
}

/// Counts words, which white space separates, in UTF-8 that arrives in parts.
struct WordCounter {
  private(set) var words = 0
  private var isInsideWord = false
  private var due = 0
  private var character: UInt32 = 0

  mutating func add(_ text: borrowing RawSpan) {
    for offset in 0..<text.byteCount {
      let byte = text.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
      if byte < 0x80 {
        take(isSpace: byte == 0x20 || (0x09...0x0D).contains(byte))
      } else if byte >= 0xC0 {
        due = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3
        character = UInt32(byte & (0x3F >> UInt8(due)))
      } else {
        character = character << 6 | UInt32(byte & 0x3F)
        due -= 1
        if due == 0 { take(isSpace: Unicode.Scalar(character)?.properties.isWhitespace == true) }
      }
    }
  }

  /// What follows is another text.
  mutating func endText() { isInsideWord = false }

  private mutating func take(isSpace: Bool) {
    if !isSpace, !isInsideWord { words += 1 }
    isInsideWord = !isSpace
  }
}
