/// Puts characters together from bytes that arrive one at a time; a byte that cannot be part of one becomes U+FFFD.
public struct UTF8Assembler: Sendable {
  /// Bytes of one incomplete character, at most 3.
  private var held: [UInt8] = []

  /// Nothing is held yet.
  public init() {}

  /// Takes the next byte; appends what is complete, or can no longer become a character, to `bytes`.
  public mutating func append(_ byte: UInt8, to bytes: inout [UInt8]) {
    held.append(byte)
    while let lead = held.first {
      let length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0
      let trail = held.dropFirst().prefix(max(0, length - 1))
      let isBroken = length == 0 || trail.contains { $0 & 0xC0 != 0x80 }
      guard isBroken || held.count >= length else { return }
      if !isBroken, String(validating: held.prefix(length), as: UTF8.self) != nil {
        bytes += held.prefix(length)
        held.removeFirst(length)
      } else {
        bytes += "\u{FFFD}".utf8
        held.removeFirst()
      }
    }
  }

  /// Gives up waiting for the rest of a character, each byte of which becomes U+FFFD.
  public mutating func finish(to bytes: inout [UInt8]) {
    for _ in held { bytes += "\u{FFFD}".utf8 }
    held = []
  }
}
