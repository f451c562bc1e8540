/// The precompiled character map of a SentencePiece normaliser: a byte count, a double-array trie of that size whose
/// values are offsets into the text of replacements that follows it. libsentencepiece walks it without any check.
struct CharactersMap {
  /// What makes walking a map unsafe.
  struct Defect: Error {
    let text: String
  }

  /// The most rules that may start at one character; libsentencepiece's buffer for them ends there.
  private static let maximumRules = 32
  /// The most bytes that a rule may replace, far above what a normaliser has.
  private static let longestRule = 256

  private let units: [UInt32]
  private let replacementBytes: Int
  /// The most rules on any way from a node on; -1 while that is being found out. Ways join again (equal ends are stored
  /// once), which is why it is kept.
  private var mostRules: [Int]

  /// Throws what makes walking `map` unsafe. An empty map is sound.
  static func check(_ map: [UInt8]) throws(Defect) {
    guard !map.isEmpty else { return }
    var map = try CharactersMap(map)
    guard try map.rules(from: 0, depth: 0) <= maximumRules else {
      throw Defect(text: "more than \(maximumRules) rules start with one character")
    }
  }

  private init(_ map: [UInt8]) throws(Defect) {
    func word(_ offset: Int) -> UInt32 { (0..<4).reversed().reduce(0) { $0 << 8 | UInt32(map[offset + $1]) } }
    guard map.count > 4 else { throw Defect(text: "shorter than its header") }
    let size = Int(word(0))
    guard size > 0, size.isMultiple(of: 4), 4 + size < map.count else {
      throw Defect(text: "the trie's size \(size) is impossible")
    }
    guard map.last == 0 else { throw Defect(text: "the replacements do not end") }
    units = (0..<size / 4).map { word(4 + 4 * $0) }
    replacementBytes = map.count - 4 - size
    mostRules = Array(repeating: Self.unseen, count: units.count)
  }

  private static let unseen = -2
  private static let inProgress = -1

  private mutating func rules(from node: Int, depth: Int) throws(Defect) -> Int {
    guard mostRules[node] != Self.inProgress else { throw Defect(text: "the trie has a cycle") }
    guard mostRules[node] == Self.unseen else { return mostRules[node] }
    guard depth < Self.longestRule else { throw Defect(text: "a rule is too long") }
    mostRules[node] = Self.inProgress
    // A unit's low byte is the label on the way to it, bit 8 says that a rule ends there, and the upper bits are the
    // (xor) distance to its children: the one for byte 0 holds the rule's value, with bit 31 set.
    let unit = units[node]
    let base = node ^ Int((unit >> 10) << ((unit & (1 << 9)) >> 6))
    guard base | 0xFF < units.count else { throw Defect(text: "the trie points past its end") }
    let ends = node != 0 && unit & (1 << 8) != 0
    if ends, Int(units[base] & 0x7FFF_FFFF) >= replacementBytes {
      throw Defect(text: "a rule points past the replacements")
    }
    var most = 0
    for label in 1...255 where units[base ^ label] & 0x8000_00FF == UInt32(label) {
      most = max(most, try rules(from: base ^ label, depth: depth + 1))
    }
    mostRules[node] = most + (ends ? 1 : 0)
    return mostRules[node]
  }
}
