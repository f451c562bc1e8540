import Foundation

/// The tables of a byte-level BPE model.
struct BytePairModel: Sendable {
  /// Which token each byte is; -1 for none, as for bytes that no UTF-8 has.
  let byteIDs: [Int32]
  /// What stands for a byte without a token; nil where such a byte is left out.
  let unknownID: Int32?
  /// Whether bytes without a token that follow one another are one.
  let fusesUnknown: Bool
  /// Whether a part of a text that is itself a token becomes this token, whatever the merges make of it.
  let ignoresMerges: Bool
  /// The merges by pair.
  let merges: MergeTable
  /// The bytes that tokens spell, where merges are ignored; else empty.
  private let wholes: PieceTable
  /// The token of each place in `wholes`.
  private let wholeIDs: [Int32]
  /// The bytes that each token is decoded to, one after another in `bytes`; token i ends before `byteEnds[i]`.
  let bytes: [UInt8]
  let byteEnds: [Int]
  /// By id: the rank of the merge that makes the token; -1 where none does.
  let ranks: [Int32]

  /// The bytes that a token in `0..<byteEnds.count` is decoded to.
  func bytes(of id: Int32) -> ArraySlice<UInt8> { bytes[(id == 0 ? 0 : byteEnds[Int(id) - 1])..<byteEnds[Int(id)]] }

  /// The token that a part of a text becomes as a whole, where merges are ignored; nil without one.
  func whole(_ part: UnsafeBufferPointer<UInt8>) -> Int32? { wholes.place(of: part).map { wholeIDs[$0] } }

  /// The token of each byte in a vocabulary; -1 for none.
  static func byteIDs(_ vocabulary: TokenizerVocabulary) -> [Int32] {
    (UInt8.min...UInt8.max).map { vocabulary.id(of: Array(ByteAlphabet.standard.spelling(of: [$0]).utf8)) ?? -1 }
  }

  /// - Parameters:
  ///   - vocabulary: the pieces.
  ///   - rules: the merges in order of rank.
  ///   - unknownID: see the property.
  ///   - fusesUnknown: see the property.
  ///   - ignoresMerges: see the property.
  init(
    _ vocabulary: TokenizerVocabulary, _ rules: [TokenizerMerge], unknownID: Int32?, fusesUnknown: Bool,
    ignoresMerges: Bool
  ) {
    (self.unknownID, self.fusesUnknown, self.ignoresMerges) = (unknownID, fusesUnknown, ignoresMerges)
    let alphabet = ByteAlphabet.standard
    byteIDs = Self.byteIDs(vocabulary)
    var (bytes, byteEnds, spelled) = ([UInt8](), [Int](), [Int32]())
    for id in 0..<Int32(vocabulary.idEnd) {
      if let piece = vocabulary.bytes(of: id) {
        if let own = alphabet.bytes(of: piece) {
          bytes += own
          spelled.append(id)
        } else {
          // a token that spells no bytes stands for itself
          bytes += piece
        }
      }
      byteEnds.append(bytes.count)
    }
    (self.bytes, self.byteEnds) = (bytes, byteEnds)
    var (wholes, wholeIDs) = (PieceTable(), [Int32]())
    if ignoresMerges {
      for id in spelled where wholes.insert(bytes[(id == 0 ? 0 : byteEnds[Int(id) - 1])..<byteEnds[Int(id)]]) {
        wholeIDs.append(id)
      }
    }
    (self.wholes, self.wholeIDs) = (wholes, wholeIDs)
    merges = MergeTable(rules, byteIDs: byteIDs)
    var ranks = [Int32](repeating: -1, count: vocabulary.idEnd)
    for (rank, rule) in rules.enumerated() where ranks[Int(rule.merged)] < 0 {
      ranks[Int(rule.merged)] = Int32(clamping: rank)
    }
    self.ranks = ranks
  }
}

/// Merges by pair of ids, in a hash table without pointers.
struct MergeTable: Sendable {
  /// A merge: its rank in the upper half, so that the lower one comes first, and the id it makes in the lower half.
  typealias Entry = UInt64
  /// No merge: the last of all.
  static let none = Entry.max

  fileprivate struct Slot {
    var pair: UInt64
    var entry: Entry
  }

  private let slots: [Slot]
  private let shift: UInt64
  /// The merges of two bytes: the entry of (a, b) stands at a · 256 + b.
  let ofBytes: [Entry]

  /// Of a pair that occurs twice the last one counts, as in huggingface/tokenizers.
  init(_ rules: [TokenizerMerge], byteIDs: [Int32]) {
    var bits: UInt64 = 4
    while 1 << bits < rules.count * 2 { bits += 1 }
    var slots = [Slot](repeating: Slot(pair: .max, entry: Self.none), count: 1 << Int(bits))
    let (shift, mask) = (64 - bits, slots.count - 1)
    for (rank, rule) in rules.enumerated() {
      let pair = Self.pair(rule.left, rule.right)
      var slot = Self.slot(pair, shift)
      while slots[slot].pair != .max, slots[slot].pair != pair { slot = (slot + 1) & mask }
      slots[slot] = Slot(pair: pair, entry: UInt64(rank) << 32 | UInt64(UInt32(bitPattern: rule.merged)))
    }
    (self.slots, self.shift) = (slots, shift)
    var ofBytes = [Entry](repeating: Self.none, count: 1 << 16)
    slots.withUnsafeBufferPointer { slots in
      for left in 0..<256 where byteIDs[left] >= 0 {
        for right in 0..<256 where byteIDs[right] >= 0 {
          ofBytes[left << 8 | right] = Self.find(byteIDs[left], byteIDs[right], slots, shift)
        }
      }
    }
    self.ofBytes = ofBytes
  }

  /// Calls `body` with what looks up merges.
  func withLookup<Result>(_ body: (Lookup) -> Result) -> Result {
    slots.withUnsafeBufferPointer { slots in
      ofBytes.withUnsafeBufferPointer { body(Lookup(slots: slots, shift: shift, ofBytes: $0)) }
    }
  }

  /// Looks up merges while the table is held.
  struct Lookup {
    fileprivate let slots: UnsafeBufferPointer<Slot>
    fileprivate let shift: UInt64
    fileprivate let ofBytes: UnsafeBufferPointer<Entry>

    /// The merge of two ids.
    @inline(__always) func entry(_ left: Int32, _ right: Int32) -> Entry {
      MergeTable.find(left, right, slots, shift)
    }

    /// The merge of two bytes.
    @inline(__always) func entry(ofBytes left: UInt8, _ right: UInt8) -> Entry {
      ofBytes[Int(left) << 8 | Int(right)]
    }
  }

  @inline(__always) private static func pair(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always) private static func slot(_ pair: UInt64, _ shift: UInt64) -> Int {
    Int(truncatingIfNeeded: ((pair ^ pair >> 29) &* 0x9E37_79B9_7F4A_7C15) &>> shift)
  }

  @inline(__always) private static func find(
    _ left: Int32, _ right: Int32, _ slots: UnsafeBufferPointer<Slot>, _ shift: UInt64
  ) -> Entry {
    let pair = pair(left, right)
    var slot = slot(pair, shift)
    while true {
      let found = slots[slot]
      if found.pair == pair { return found.entry }
      if found.pair == .max { return none }
      slot = (slot + 1) & (slots.count - 1)
    }
  }
}
