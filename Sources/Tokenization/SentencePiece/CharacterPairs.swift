/// A set of pairs of characters, in a hash table without pointers: a vocabulary has a million of them to be put in,
/// most of them again and again.
struct CharacterPairs: Sendable {
  private static let free = UInt64.max

  private var slots = [UInt64](repeating: free, count: 1024)
  private var count = 0

  /// Adds two characters that stand side by side, by their scalar values.
  mutating func insert(_ left: UInt32, _ right: UInt32) {
    let pair = Self.pair(left, right)
    let slot = slot(of: pair)
    guard slots[slot] == Self.free else { return }
    slots[slot] = pair
    count += 1
    if count * 2 > slots.count { grow() }
  }

  /// Whether two characters are in the set.
  func contains(_ left: UInt32, _ right: UInt32) -> Bool {
    let pair = Self.pair(left, right)
    return slots[slot(of: pair)] == pair
  }

  private mutating func grow() {
    let old = slots
    slots = [UInt64](repeating: Self.free, count: old.count * 2)
    for pair in old where pair != Self.free { slots[slot(of: pair)] = pair }
  }

  /// The slot that has a pair, or that is free for it.
  private func slot(of pair: UInt64) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: (pair &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    while slots[slot] != Self.free, slots[slot] != pair { slot = (slot + 1) & mask }
    return slot
  }

  private static func pair(_ left: UInt32, _ right: UInt32) -> UInt64 { UInt64(left) << 32 | UInt64(right) }
}
