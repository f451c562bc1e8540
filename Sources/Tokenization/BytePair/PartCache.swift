/// The ids of parts of texts that came before, short ones with few ids, each in one cache line. Of two parts that have
/// the same place the later one is kept.
struct PartCache {
  /// The most bytes of a part.
  static let longestPart = 31
  /// The most ids of a part.
  static let mostIDs = 7
  private static let placeBits: UInt64 = 15

  /// 31 bytes, filled up with 0, and their number.
  struct Key {
    var words: SIMD4<UInt64>

    /// Of a part of 1 to `longestPart` bytes; `isInside` says whether the bytes from it on are 32 or more.
    @inline(__always) init(_ part: UnsafePointer<UInt8>, _ length: Int, isInside: Bool) {
      if isInside {
        words = UnsafeRawPointer(part).loadUnaligned(as: SIMD4<UInt64>.self)
        let (word, bits) = (length >> 3, UInt64(length & 7) &* 8)
        for index in 0..<4 where index >= word { words[index] &= index == word ? (1 &<< bits) &- 1 : 0 }
      } else {
        words = .zero
        withUnsafeMutableBytes(of: &words) { $0.baseAddress?.copyMemory(from: part, byteCount: length) }
      }
      words[3] |= UInt64(length) << 56
    }

    @inline(__always) fileprivate var place: Int {
      var hash = words[0] &* 0x9E37_79B9_7F4A_7C15
      hash = (hash ^ hash >> 29 ^ words[1]) &* 0xBF58_476D_1CE4_E5B9
      hash = (hash ^ hash >> 32 ^ words[2]) &* 0x94D0_49BB_1331_11EB
      hash = (hash ^ hash >> 29 ^ words[3]) &* 0x9E37_79B9_7F4A_7C15
      return Int(truncatingIfNeeded: hash &>> (64 - PartCache.placeBits))
    }
  }

  struct Entry {
    var key: SIMD4<UInt64>
    /// The ids, and their number in the last place.
    var ids: SIMD8<Int32>
  }

  private let entries: UnsafeMutablePointer<Entry>

  init() {
    entries = .allocate(capacity: 1 << Int(Self.placeBits))
    entries.initialize(repeating: Entry(key: .zero, ids: .zero), count: 1 << Int(Self.placeBits))
  }

  func deallocate() { entries.deallocate() }

  /// The ids of a part; nil where they are not known any more, or not yet.
  @inline(__always) func ids(_ key: Key) -> SIMD8<Int32>? {
    let entry = entries + key.place
    return entry.pointee.key == key.words ? entry.pointee.ids : nil
  }

  /// Keeps the ids of a part, at most `mostIDs`.
  func keep(_ ids: UnsafePointer<Int32>, _ count: Int, for key: Key) {
    var packed = SIMD8<Int32>.zero
    for index in 0..<count { packed[index] = ids[index] }
    packed[7] = Int32(count)
    entries[key.place] = Entry(key: key.words, ids: packed)
  }
}
