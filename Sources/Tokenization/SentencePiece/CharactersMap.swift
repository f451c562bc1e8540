/// The precompiled character map of a SentencePiece normaliser: a byte count, a double-array trie of that size whose
/// values are offsets into the text of replacements that follows it. libsentencepiece walks it without any check; once
/// it is checked here, it is safe to walk.
struct CharactersMap: Sendable {
  /// What makes walking a map unsafe.
  struct Defect: Error {
    let text: String
  }

  /// What stands for the beginning of a text.
  struct Replacement {
    /// The bytes that are replaced, at least one.
    var length: Int
    /// What stands for them.
    var bytes: ArraySlice<UInt8>
  }

  /// The most rules that may start at one character; libsentencepiece's buffer for them ends there.
  private static let maximumRules = 32
  /// The most bytes that a rule may replace, far above what a normaliser has.
  private static let longestRule = 256

  /// Whether some rule replaces a space that does not come first.
  private(set) var replacesInnerSpaces = false
  private let units: [UInt32]
  private let replacements: [UInt8]

  /// A map that replaces nothing.
  init() { (units, replacements) = ([], []) }

  /// Throws what makes walking `map` unsafe. An empty map is sound and replaces nothing.
  init(checking map: [UInt8]) throws(Defect) {
    guard !map.isEmpty else {
      (units, replacements) = ([], [])
      return
    }
    func word(_ offset: Int) -> UInt32 { (0..<4).reversed().reduce(0) { $0 << 8 | UInt32(map[offset + $1]) } }
    guard map.count > 4 else { throw Defect(text: "shorter than its header") }
    let size = Int(word(0))
    guard size > 0, size.isMultiple(of: 4), 4 + size < map.count else {
      throw Defect(text: "the trie's size \(size) is impossible")
    }
    guard map.last == 0 else { throw Defect(text: "the replacements do not end") }
    units = (0..<size / 4).map { word(4 + 4 * $0) }
    replacements = Array(map[(4 + size)...])
    var check = Check(nodes: units.count)
    guard try rules(from: 0, depth: 0, &check) <= Self.maximumRules else {
      throw Defect(text: "more than \(Self.maximumRules) rules start with one character")
    }
    replacesInnerSpaces = check.hasInnerSpace
  }

  /// What the longest rule that fits makes of the beginning of `text`; nil where none does.
  func replacement(of text: ArraySlice<UInt8>) -> Replacement? {
    guard !units.isEmpty else { return nil }
    var found: Replacement?
    var node = base(of: 0)
    for (index, byte) in text.enumerated() {
      node ^= Int(byte)
      guard node < units.count, units[node] & 0x8000_00FF == UInt32(byte) else { break }
      let ends = units[node] & (1 << 8) != 0
      node = base(of: node)
      if ends {
        let start = Int(units[node] & 0x7FFF_FFFF)
        let end = replacements[start...].firstIndex(of: 0) ?? replacements.endIndex
        found = Replacement(length: index + 1, bytes: replacements[start..<end])
      }
    }
    return found
  }

  /// Where the children of a node begin. A unit's low byte is the label on the way to it, bit 8 says that a rule ends
  /// there, and the upper bits are the (xor) distance to its children: the one for byte 0 holds the rule's value, with
  /// bit 31 set.
  private func base(of node: Int) -> Int {
    let unit = units[node]
    return node ^ Int((unit >> 10) << ((unit & (1 << 9)) >> 6))
  }

  private struct Check {
    static let unseen = -2
    static let inProgress = -1

    /// The most rules on any way from a node on. Ways join again (equal ends are stored once), which is why it is kept.
    var mostRules: [Int]
    var hasInnerSpace = false

    init(nodes: Int) { mostRules = Array(repeating: Self.unseen, count: nodes) }
  }

  private func rules(from node: Int, depth: Int, _ check: inout Check) throws(Defect) -> Int {
    guard check.mostRules[node] != Check.inProgress else { throw Defect(text: "the trie has a cycle") }
    guard check.mostRules[node] == Check.unseen else { return check.mostRules[node] }
    guard depth < Self.longestRule else { throw Defect(text: "a rule is too long") }
    check.mostRules[node] = Check.inProgress
    let base = base(of: node)
    guard base | 0xFF < units.count else { throw Defect(text: "the trie points past its end") }
    let ends = node != 0 && units[node] & (1 << 8) != 0
    if ends, Int(units[base] & 0x7FFF_FFFF) >= replacements.count {
      throw Defect(text: "a rule points past the replacements")
    }
    var most = 0
    for label in 1...255 where units[base ^ label] & 0x8000_00FF == UInt32(label) {
      if label == 0x20, node != 0 { check.hasInnerSpace = true }
      most = max(most, try rules(from: base ^ label, depth: depth + 1, &check))
    }
    check.mostRules[node] = most + (ends ? 1 : 0)
    return check.mostRules[node]
  }
}
