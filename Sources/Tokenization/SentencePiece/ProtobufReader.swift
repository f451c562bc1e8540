/// Reads the fields of one protocol buffer message, one after another, from bytes that may be garbage.
struct ProtobufReader {
  enum Value {
    case varint(UInt64)
    case fixed32(UInt32)
    case fixed64
    case bytes(ArraySlice<UInt8>)
  }

  struct Field {
    let number: Int
    let value: Value
    /// The field as it stands in the message, its tag included.
    let encoded: ArraySlice<UInt8>
  }

  private let bytes: ArraySlice<UInt8>
  private var place: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    place = bytes.startIndex
  }

  mutating func next() throws(ModelProto.Refusal) -> Field? {
    guard place < bytes.endIndex else { return nil }
    let start = place
    let tag = try varint()
    guard tag >> 3 > 0, tag >> 3 < 1 << 29 else { throw malformed(at: start) }
    let value: Value
    switch tag & 7 {
    case 0:
      value = .varint(try varint())
    case 1:
      _ = try take(8)
      value = .fixed64
    case 2:
      let count = try varint()
      guard count <= UInt64(bytes.endIndex - place) else { throw malformed(at: start) }
      value = .bytes(try take(Int(count)))
    case 5:
      value = .fixed32(try take(4).reversed().reduce(0) { $0 << 8 | UInt32($1) })
    default:
      throw malformed(at: start)
    }
    return Field(number: Int(tag >> 3), value: value, encoded: bytes[start..<place])
  }

  private mutating func take(_ count: Int) throws(ModelProto.Refusal) -> ArraySlice<UInt8> {
    guard count <= bytes.endIndex - place else { throw malformed(at: place) }
    defer { place += count }
    return bytes[place..<place + count]
  }

  private mutating func varint() throws(ModelProto.Refusal) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 70, by: 7) {
      guard place < bytes.endIndex else { break }
      let byte = bytes[place]
      place += 1
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return value }
    }
    throw malformed(at: place)
  }

  private func malformed(at offset: Int) -> ModelProto.Refusal {
    .corrupt("malformed protocol buffer at byte \(offset)")
  }
}
