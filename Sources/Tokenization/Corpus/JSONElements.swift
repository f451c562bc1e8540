/// Finds where the elements of a JSON text lie: those of one array, or values that follow one another. It looks at
/// brackets and quotes alone; whether an element is sound is found when it is parsed.
struct JSONElements {
  /// Where the search goes on.
  private var offset = 0
  private var isArray = false
  private var hasBegun = false
  private var hasEnded = false

  /// What was found.
  enum Found: Equatable {
    /// An element lies at these bytes.
    case element(Range<Int>)
    /// There is none any more.
    case end
    /// The text goes on in a way that no JSON text does.
    case defect(String, at: Int)
  }

  /// The next element of `text`, all of it.
  mutating func next(in text: borrowing RawSpan) -> Found {
    let count = text.byteCount
    func byte(_ offset: Int) -> UInt8 { text.unsafeLoad(fromByteOffset: offset, as: UInt8.self) }
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }
    func skipSpace(_ offset: inout Int) { while offset < count, isSpace(byte(offset)) { offset += 1 } }

    skipSpace(&offset)
    if !hasBegun {
      hasBegun = true
      if offset < count, byte(offset) == UInt8(ascii: "[") {
        isArray = true
        offset += 1
        skipSpace(&offset)
        if offset < count, byte(offset) == UInt8(ascii: "]") {
          hasEnded = true
          offset += 1
        }
      }
    } else if isArray, !hasEnded {
      guard offset < count else { return .defect("expected ',' or ']', found the end", at: count) }
      switch byte(offset) {
      case UInt8(ascii: ","): offset += 1
      case UInt8(ascii: "]"):
        hasEnded = true
        offset += 1
      default: return .defect("expected ',' or ']' between the rows of an array", at: offset)
      }
    }
    skipSpace(&offset)
    if isArray, hasEnded {
      return offset == count ? .end : .defect("expected the end of the text after ']'", at: offset)
    }
    if offset == count { return isArray ? .defect("expected a row, found the end", at: count) : .end }

    let start = offset
    var (depth, isInString, isEscaped) = (0, false, false)
    while offset < count {
      let next = byte(offset)
      if isInString {
        if isEscaped {
          isEscaped = false
        } else if next == UInt8(ascii: "\\") {
          isEscaped = true
        } else if next == UInt8(ascii: "\"") {
          isInString = false
        }
      } else {
        switch next {
        case UInt8(ascii: "\""): isInString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
          if depth == 0 { return .element(start..<max(offset, start + 1)) }
          depth -= 1
          if depth == 0 {
            offset += 1
            return .element(start..<offset)
          }
        case UInt8(ascii: ","):
          if depth == 0 { return .element(start..<max(offset, start + 1)) }
        default: break
        }
      }
      offset += 1
    }
    return .element(start..<count)
  }
}
