/// The precompiled character map of a SentencePiece normaliser: a byte count, a double-array trie of that size whose
/// values are offsets into the text of replacements that follows it. libsentencepiece walks it without any check.
enum CharactersMap {
  /// The most rules that may start at one character; libsentencepiece's buffer for them ends there.
  private static let maximumRules = 32

  /// What makes walking the map unsafe, or `nil` for a sound (or empty) one.
  static func defect(of map: [UInt8]) -> String? {
    guard !map.isEmpty else { return nil }
    func word(_ offset: Int) -> UInt32 { (0..<4).reversed().reduce(0) { $0 << 8 | UInt32(map[offset + $1]) } }
    guard map.count > 4 else { return "shorter than its header" }
    let size = Int(word(0))
    guard size > 0, size.isMultiple(of: 4), 4 + size < map.count else { return "the trie's size \(size) is impossible" }
    guard map.last == 0 else { return "the replacements do not end" }
    let units = (0..<size / 4).map { word(4 + 4 * $0) }
    let replacements = map.count - 4 - size

    // A unit's low byte is the label on the way to it, bit 8 says that a rule ends there, and the upper bits are the
    // (xor) distance to its children: the one for byte 0 holds the rule's value, with bit 31 set.
    func children(_ node: Int) -> Int {
      let unit = units[node]
      return node ^ Int((unit >> 10) << ((unit & (1 << 9)) >> 6))
    }
    var pending = [(node: 0, rules: 0)]
    var visited = 0
    while let (node, rules) = pending.popLast() {
      visited += 1
      guard visited <= units.count else { return "the trie has a cycle" }
      let base = children(node)
      guard base | 0xFF < units.count else { return "the trie points past its end" }
      let ends = node != 0 && units[node] & (1 << 8) != 0
      if ends {
        guard Int(units[base] & 0x7FFF_FFFF) < replacements else { return "a rule points past the replacements" }
        guard rules < maximumRules else { return "more than \(maximumRules) rules start with one character" }
      }
      for label in 1...255 where units[base ^ label] & 0x8000_00FF == UInt32(label) {
        pending.append((base ^ label, rules + (ends ? 1 : 0)))
      }
    }
    return nil
  }
}
