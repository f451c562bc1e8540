/// The spaces at the ends of a text, as a SentencePiece normaliser sees them. A model that removes extra white space
/// removes them all, though between a prompt and its completion, say, one is no extra.
struct EdgeSpaces: Sendable {
  private static let space = UInt8(ascii: " ")
  private static let symbol = Array("\u{2581}".utf8)
  /// The bytes at the end of a text that are looked at: more than a normaliser's rules reach across.
  private static let reach = 64

  private let map: CharactersMap
  /// What is never normalised.
  private let userDefined: [[UInt8]]

  init(_ proto: ModelProto) {
    map = proto.charactersMap
    userDefined = proto.kinds.indices.filter { proto.kinds[$0] == .userDefined }
      .map { Array(proto.pieces.bytes(at: $0)) }.sorted { $0.count > $1.count }
  }

  /// Whether `text` begins with a space.
  func begins(_ text: ArraySlice<UInt8>) -> Bool {
    var rest = text
    while let next = nextCharacter(of: rest) {
      if let first = next.bytes.first { return first == Self.space }
      rest = rest.dropFirst(next.length)
    }
    return false
  }

  /// Whether `text` ends with a space, or with U+2581, which is removed like one.
  func ends(_ text: ArraySlice<UInt8>) -> Bool {
    var rest = text.suffix(Self.reach)
    rest = rest.drop { $0 & 0xC0 == 0x80 }
    var ends = false
    while let next = nextCharacter(of: rest) {
      if let last = next.bytes.last { ends = last == Self.space || next.bytes.suffix(3) == Self.symbol[...] }
      rest = rest.dropFirst(next.length)
    }
    return ends
  }

  /// Whether `text` has nothing but spaces.
  func fills(_ text: ArraySlice<UInt8>) -> Bool {
    var rest = text
    while let next = nextCharacter(of: rest) {
      guard next.bytes.allSatisfy({ $0 == Self.space }) else { return false }
      rest = rest.dropFirst(next.length)
    }
    return true
  }

  /// The next character of `text`, or what a rule replaces, normalised; nil at the end.
  private func nextCharacter(of text: ArraySlice<UInt8>) -> CharactersMap.Replacement? {
    guard let lead = text.first else { return nil }
    if let symbol = userDefined.first(where: { text.starts(with: $0) }) {
      return CharactersMap.Replacement(length: symbol.count, bytes: text.prefix(symbol.count))
    }
    if let replacement = map.replacement(of: text) { return replacement }
    let length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
    return CharactersMap.Replacement(length: length, bytes: text.prefix(length))
  }
}
