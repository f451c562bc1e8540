import DurableFiles
import Foundation

/// Reads the large lists of a JSON text as bytes, one entry after another; the text must be UTF-8. What stands in
/// the entries that it skips is checked when they are parsed.
struct JSONByteReader {
  let bytes: [UInt8]
  let file: String
  private(set) var place: Int
  private let end: Int

  /// Begins at the value in `range`; without one, at the beginning of the text.
  init(_ bytes: [UInt8], file: String, at range: Range<Int>? = nil) {
    self.bytes = bytes
    self.file = file
    (place, end) = (range?.lowerBound ?? 0, range?.upperBound ?? bytes.count)
  }

  private static let quote = UInt8(ascii: "\"")
  private static let backslash = UInt8(ascii: "\\")

  /// The next byte that is no white space; nil at the end.
  mutating func next() -> UInt8? {
    while place < end, bytes[place] == 0x20 || bytes[place] == 0x0A || bytes[place] == 0x0D || bytes[place] == 0x09 {
      place += 1
    }
    return place < end ? bytes[place] : nil
  }

  /// Takes the next byte if it is this one.
  mutating func take(_ byte: UInt8) -> Bool {
    guard next() == byte else { return false }
    place += 1
    return true
  }

  /// Takes the next byte, which must be this one. Throws `file`.
  mutating func require(_ byte: UInt8) throws(TokenizationError) {
    guard take(byte) else { throw unexpected("'\(Character(Unicode.Scalar(byte)))'") }
  }

  /// The error for what stands here.
  mutating func unexpected(_ expected: String) -> TokenizationError {
    let found =
      switch next() {
      case nil: "the end"
      case .some(let byte) where byte > 0x20 && byte < 0x7F: "'\(Character(Unicode.Scalar(byte)))'"
      case .some(let byte): "byte \(byte)"
      }
    return .file(.invalidJSON(file: file, byteOffset: place, reason: "expected \(expected), found \(found)"))
  }

  /// The ranges of the values of an object, by key, all of it. Throws `file`.
  func members() throws(TokenizationError) -> [String: Range<Int>] {
    var (reader, members) = (self, [String: Range<Int>]())
    try reader.require(UInt8(ascii: "{"))
    if !reader.take(UInt8(ascii: "}")) {
      repeat {
        let key = String(decoding: try reader.string(), as: UTF8.self)
        try reader.require(UInt8(ascii: ":"))
        guard members.updateValue(try reader.skipValue(), forKey: key) == nil else {
          throw .file(.duplicateKey(file: file, key: key))
        }
      } while reader.take(UInt8(ascii: ","))
      try reader.require(UInt8(ascii: "}"))
    }
    guard reader.next() == nil else { throw reader.unexpected("the end of the text") }
    return members
  }

  /// Skips a value, and returns where it lies. Throws `file`.
  mutating func skipValue() throws(TokenizationError) -> Range<Int> {
    guard next() != nil else { throw unexpected("a value") }
    let start = place
    var depth = 0
    while place < end {
      switch bytes[place] {
      case Self.quote:
        try skipString()
        if depth == 0 { return start..<place }
        continue
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth <= 1 {
          if depth == 1 { place += 1 }
          return try value(start)
        }
        depth -= 1
      case UInt8(ascii: ",") where depth == 0: return try value(start)
      default: break
      }
      place += 1
    }
    guard depth == 0 else { throw unexpected("more of the text") }
    return start..<place
  }

  private mutating func value(_ start: Int) throws(TokenizationError) -> Range<Int> {
    guard place > start else { throw unexpected("a value") }
    return start..<place
  }

  private mutating func skipString() throws(TokenizationError) {
    place = bytes.withUnsafeBufferPointer { [start = place + 1, end] bytes in
      var place = start
      while place < end, bytes[place] != Self.quote { place += bytes[place] == Self.backslash ? 2 : 1 }
      return place
    }
    guard place < end else {
      place = end
      throw unexpected("'\"'")
    }
    place += 1
  }

  /// Takes a string. Throws `file`.
  mutating func string() throws(TokenizationError) -> ArraySlice<UInt8> {
    try require(Self.quote)
    let start = place
    while place < end, bytes[place] != Self.quote, bytes[place] != Self.backslash, bytes[place] >= 0x20 { place += 1 }
    if place < end, bytes[place] == Self.quote {
      place += 1
      return bytes[start..<place - 1]
    }
    // with escapes, or damaged
    place = start - 1
    let range = try skipValue()
    do throws(FileError) {
      guard
        case .string(let text) = try JSONValue(parsing: Array(bytes[range]), file: file, dialect: .python)
      else { throw FileError.invalidJSON(file: file, byteOffset: 0, reason: "expected a string") }
      return Array(text.utf8)[...]
    } catch .invalidJSON(_, let offset, let reason) {
      throw .file(.invalidJSON(file: file, byteOffset: range.lowerBound + offset, reason: reason))
    } catch { throw .file(error) }
  }

  /// Takes a whole number from 0 to below a limit that is spelled with its digits alone; nil where something else
  /// stands here.
  mutating func digits(below limit: Int) -> Int? {
    guard let first = next(), (0x30...0x39).contains(first) else { return nil }
    var (digit, value) = (place, 0)
    while digit < end, (0x30...0x39).contains(bytes[digit]), digit - place < 18 {
      value = value * 10 + Int(bytes[digit] - 0x30)
      digit += 1
    }
    // a zero in front, a fraction, an exponent or more digits
    if first == 0x30, digit > place + 1 { return nil }
    if digit < end, [0x2E, 0x45, 0x65].contains(bytes[digit]) || (0x30...0x39).contains(bytes[digit]) { return nil }
    guard value < limit else { return nil }
    place = digit
    return value
  }

  /// Takes a number, as it is spelled. Throws `file`.
  mutating func number() throws(TokenizationError) -> String {
    guard let first = next(), first == UInt8(ascii: "-") || (0x30...0x39).contains(first) else {
      throw unexpected("a number")
    }
    let start = place
    while place < end, [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains(bytes[place]) || (0x30...0x39).contains(bytes[place]) {
      place += 1
    }
    return String(decoding: bytes[start..<place], as: UTF8.self)
  }
}
