import Glibc

/// Pieces in one array of bytes, found by a hash; each has a place, from 0 in the order in which they were added.
struct PieceTable: Sendable {
  /// The hash beside the place tells most pieces apart without a look at their bytes.
  private struct Slot {
    var hash: UInt32 = 0
    /// -1 where the slot is free.
    var place: Int32 = -1
  }

  /// A piece that is there twice, by its places.
  struct Duplicate: Error, Equatable {
    let first: Int
    let second: Int
  }

  /// The pieces, one after another.
  private(set) var bytes: [UInt8] = []
  /// Where each piece ends in `bytes`.
  private(set) var ends: [Int] = []
  /// A power of two of them.
  private var slots = [Slot](repeating: Slot(), count: 1024)

  /// An empty table.
  init() {}

  /// The pieces that lie one after another in `bytes`, of which each ends before its end. Throws the first that is
  /// there twice.
  init(bytes: [UInt8], ends: [Int]) throws(Duplicate) {
    (self.bytes, self.ends) = (bytes, ends)
    var size = slots.count
    while size < ends.count * 2 { size *= 2 }
    slots = [Slot](repeating: Slot(), count: size)
    for place in ends.indices {
      let (hash, slot) = bytes[(place == 0 ? 0 : ends[place - 1])..<ends[place]].withUnsafeBufferPointer { piece in
        let hash = Self.hash(piece)
        return (hash, self.slot(of: piece, hash))
      }
      guard slots[slot].place < 0 else { throw Duplicate(first: Int(slots[slot].place), second: place) }
      slots[slot] = Slot(hash: hash, place: Int32(place))
    }
  }

  var count: Int { ends.count }

  func bytes(at place: Int) -> ArraySlice<UInt8> { bytes[(place == 0 ? 0 : ends[place - 1])..<ends[place]] }

  /// Adds a piece at the next place; false where it is there already.
  mutating func insert(_ piece: some Collection<UInt8>) -> Bool {
    if (ends.count + 1) * 2 > slots.count { grow() }
    let hash = Self.withBytes(of: piece) { Self.hash($0) }
    let slot = Self.withBytes(of: piece) { self.slot(of: $0, hash) }
    guard slots[slot].place < 0 else { return false }
    slots[slot] = Slot(hash: hash, place: Int32(ends.count))
    bytes += piece
    ends.append(bytes.count)
    return true
  }

  private mutating func grow() {
    var larger = [Slot](repeating: Slot(), count: slots.count * 2)
    let mask = larger.count - 1
    for old in slots where old.place >= 0 {
      var slot = Int(old.hash) & mask
      while larger[slot].place >= 0 { slot = (slot + 1) & mask }
      larger[slot] = old
    }
    slots = larger
  }

  /// The place of a piece; nil where there is none such.
  func place(of piece: some Collection<UInt8>) -> Int? {
    let place = slots[Self.withBytes(of: piece) { self.slot(of: $0, Self.hash($0)) }].place
    return place < 0 ? nil : Int(place)
  }

  private static func withBytes<Result>(
    of piece: some Collection<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Result
  ) -> Result {
    piece.withContiguousStorageIfAvailable(body) ?? Array(piece).withUnsafeBufferPointer(body)
  }

  /// The slot that has a piece, or that is free for it.
  private func slot(of piece: UnsafeBufferPointer<UInt8>, _ hash: UInt32) -> Int {
    slots.withUnsafeBufferPointer { slots in
      let mask = slots.count - 1
      var slot = Int(hash) & mask
      while slots[slot].place >= 0, slots[slot].hash != hash || !isEqual(Int(slots[slot].place), piece) {
        slot = (slot + 1) & mask
      }
      return slot
    }
  }

  private func isEqual(_ place: Int, _ piece: UnsafeBufferPointer<UInt8>) -> Bool {
    let start = place == 0 ? 0 : ends[place - 1]
    guard ends[place] - start == piece.count else { return false }
    guard let other = piece.baseAddress, !piece.isEmpty else { return true }
    return bytes.withUnsafeBufferPointer { bytes in
      bytes.baseAddress.map { memcmp($0 + start, other, piece.count) == 0 } ?? false
    }
  }

  /// Eight bytes at a time are multiplied by an odd constant, and the upper half of the product is mixed in.
  private static func hash(_ piece: UnsafeBufferPointer<UInt8>) -> UInt32 {
    let (raw, factor) = (UnsafeRawBufferPointer(piece), 0x9E37_79B9_7F4A_7C15 as UInt64)
    var (hash, place) = (UInt64(raw.count), 0)
    while place + 8 <= raw.count {
      hash = (hash ^ raw.loadUnaligned(fromByteOffset: place, as: UInt64.self)) &* factor
      hash ^= hash >> 32
      place += 8
    }
    var rest: UInt64 = 0
    while place < raw.count {
      rest = rest << 8 | UInt64(raw[place])
      place += 1
    }
    hash = (hash ^ rest) &* factor
    hash = (hash ^ hash >> 29) &* factor
    return UInt32(truncatingIfNeeded: hash >> 32)
  }
}
