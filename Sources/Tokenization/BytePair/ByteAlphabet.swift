/// The signs that byte-level vocabularies spell bytes with, as GPT-2 began it: printable characters of Latin-1 stand
/// for their own byte; U+0100, U+0101 and so on for the other bytes.
struct ByteAlphabet: Sendable {
  static let standard = ByteAlphabet()

  /// The sign of each byte.
  let signs: [Unicode.Scalar]
  /// The byte of each sign, by its scalar value; -1 for what is none.
  private let bytes: [Int16]

  private init() {
    var (signs, bytes) = ([Unicode.Scalar](), [Int16](repeating: -1, count: 0x100 + 68))
    var next: UInt32 = 0x100
    for byte in UInt8.min...UInt8.max {
      let isPrintable = (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE
      let value = isPrintable ? UInt32(byte) : next
      if !isPrintable { next += 1 }
      signs.append(Unicode.Scalar(value) ?? " ")
      bytes[Int(value)] = Int16(byte)
    }
    (self.signs, self.bytes) = (signs, bytes)
  }

  /// The bytes that a piece, UTF-8, spells; nil where it has a character that is no sign.
  func bytes(of piece: some Collection<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(piece.count)
    // signs have one or two bytes
    var lead: Int?
    for byte in piece {
      let value: Int
      if let first = lead {
        (value, lead) = ((first & 0x1F) << 6 | Int(byte & 0x3F), nil)
      } else if byte < 0x80 {
        value = Int(byte)
      } else {
        guard byte < 0xE0 else { return nil }
        lead = Int(byte)
        continue
      }
      guard value < bytes.count, bytes[value] >= 0 else { return nil }
      result.append(UInt8(bytes[value]))
    }
    return lead == nil ? result : nil
  }

  /// How a vocabulary spells these bytes.
  func spelling(of bytes: some Collection<UInt8>) -> String {
    var text = ""
    for byte in bytes { text.unicodeScalars.append(signs[Int(byte)]) }
    return text
  }
}
