/// Looks for stop strings in text that arrives in parts, and holds back what may be the beginning of one.
struct StopStrings {
  private let strings: [(bytes: [UInt8], text: String)]
  /// Text that may be the beginning of a stop string.
  private var held: [UInt8] = []

  init(_ strings: [String]) {
    // shortest first: of two that begin together, it is complete first
    self.strings = strings.map { (Array($0.utf8), $0) }.sorted { $0.bytes.count < $1.bytes.count }
  }

  /// Takes the next part; the last one lets go of everything held. Returns the text that is certain by now and, if
  /// there is one, the stop string that comes after it: the one that begins first, of several there the shortest.
  mutating func append(_ part: String, isLast: Bool = false) -> (text: String, stop: String?) {
    held += part.utf8
    for start in held.indices {
      // A string begins with a character's first byte, so every cut here is between characters.
      for (bytes, text) in strings where held[start...].starts(with: bytes) {
        let certain = String(decoding: held[..<start], as: UTF8.self)
        held = []
        return (certain, text)
      }
      // What may become a stop string here begins before all that could be found further on.
      if !isLast, strings.contains(where: { $0.bytes.starts(with: held[start...]) }) {
        let certain = String(decoding: held[..<start], as: UTF8.self)
        held.removeFirst(start)
        return (certain, nil)
      }
    }
    defer { held = [] }
    return (String(decoding: held, as: UTF8.self), nil)
  }
}
