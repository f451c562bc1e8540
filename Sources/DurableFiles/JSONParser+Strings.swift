/// Strings and their escapes.
extension JSONParser {
  mutating func string() throws(FileError) -> String {
    position += 1
    var text: [UInt8] = []
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        guard let string = String(validating: text, as: UTF8.self) else { throw invalid("a string is not UTF-8") }
        return string
      case UInt8(ascii: "\\"):
        position += 1
        text.append(contentsOf: try escape())
      case ..<0x20: throw unexpected("a string without control characters")
      default:
        position += 1
        text.append(byte)
      }
    }
    throw unexpected("'\"'")
  }

  private mutating func escape() throws(FileError) -> [UInt8] {
    guard let byte = next else { throw unexpected("an escape") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"): break
    default: throw invalid("unknown escape")
    }
    var value = try fourHexadecimalDigits()
    if value >= 0xD800, value < 0xDC00, bytes[position...].starts(with: "\\u".utf8) {
      let start = position
      position += 2
      let low = try fourHexadecimalDigits()
      if low >= 0xDC00, low < 0xE000 {
        value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
      } else {
        position = start
      }
    }
    if let scalar = UnicodeScalar(value) { return Array(String(Character(scalar)).utf8) }
    guard isPython else { throw invalid("half a surrogate pair") }
    return Array("\u{FFFD}".utf8)
  }

  private mutating func fourHexadecimalDigits() throws(FileError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(UnicodeScalar(byte)).hexDigitValue else {
        throw unexpected("a hexadecimal digit")
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }
}
