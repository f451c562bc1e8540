/// Puts characters together from bytes that arrive one at a time; bytes that cannot be part of one become U+FFFD.
public struct UTF8Assembler: Sendable {
  /// How many U+FFFD stand for bytes that are no UTF-8.
  public enum Replacement: Sendable {
    /// One for each byte, as in libsentencepiece.
    case ofBytes
    /// One for what may begin a character and is not gone on with (a maximal subpart, Unicode chapter 3.9), as in
    /// Rust's `from_utf8_lossy`, with which huggingface/tokenizers decodes byte-level tokens.
    case ofSubparts
  }

  private let replacement: Replacement
  /// Bytes that begin a character, at most 3.
  private var held: [UInt8] = []

  /// Nothing is held yet. By default each byte that is no UTF-8 is replaced.
  public init(replacement: Replacement = .ofBytes) { self.replacement = replacement }

  /// Takes the next byte; appends what is complete, or can no longer become a character, to `bytes`.
  public mutating func append(_ byte: UInt8, to bytes: inout [UInt8]) {
    if let lead = held.first {
      if Self.follows(byte, lead: lead, at: held.count) {
        held.append(byte)
        if held.count == Self.length(lead) {
          bytes += held
          held.removeAll(keepingCapacity: true)
        }
        return
      }
      finish(to: &bytes)
    }
    switch Self.length(byte) {
    case 0: bytes += "\u{FFFD}".utf8
    case 1: bytes.append(byte)
    default: held.append(byte)
    }
  }

  /// Gives up waiting for the rest of a character.
  public mutating func finish(to bytes: inout [UInt8]) {
    guard !held.isEmpty else { return }
    for _ in 0..<(replacement == .ofBytes ? held.count : 1) { bytes += "\u{FFFD}".utf8 }
    held.removeAll(keepingCapacity: true)
  }

  /// The bytes of a character that begins with `lead`; 0 where none does.
  private static func length(_ lead: UInt8) -> Int {
    lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0
  }

  /// Whether a byte may stand at a place above 0 in a character (Unicode, table 3-7).
  private static func follows(_ byte: UInt8, lead: UInt8, at place: Int) -> Bool {
    guard byte & 0xC0 == 0x80 else { return false }
    guard place == 1 else { return true }
    switch lead {
    case 0xE0: return byte >= 0xA0
    case 0xED: return byte < 0xA0
    case 0xF0: return byte >= 0x90
    case 0xF4: return byte < 0x90
    default: return true
    }
  }
}
