/// Tokens of a text that become rows of a sequence.
struct SequencePart: Equatable {
  /// The position of the first token.
  var start: Int
  /// The number of rows.
  var length: Int
  /// The id in front, whose target is the first token; without it the first token's target is the second.
  var beginningID: Int32?
  /// Whether the last row's successor is its target; where there is an id in front, it is the last token.
  var hasLastTarget = true

  /// The positions of the targets; those beyond the end of a ring begin again.
  var targets: Range<Int> {
    beginningID == nil ? start + 1..<start + length + (hasLastTarget ? 1 : 0) : start..<start + length
  }
}

/// Documents, and parts of those that are longer than a sequence, put together into sequences of T rows so that little
/// stays free: each, the longest first, where it fits best (best-fit decreasing, Johnson et al. 1974).
struct DocumentPacking {
  /// The parts of all sequences, one sequence after another.
  private let parts: [SequencePart]
  /// Where each sequence's parts begin, and the last one's end.
  private let starts: [Int]
  /// How many parts have no target that counts in the loss; they are left out.
  let uncountedParts: Int

  /// The number of sequences.
  var count: Int { starts.count - 1 }

  /// The parts of a sequence.
  subscript(sequence: Int) -> ArraySlice<SequencePart> { parts[starts[sequence]..<starts[sequence + 1]] }

  init(_ tokens: any TokenSource, sequenceLength: Int, _ packing: SequencePacking) {
    var (parts, uncounted) = ([SequencePart](), 0)
    Self.forEachDocument(of: tokens) { document, firstID in
      for part in Self.parts(of: document, firstID, sequenceLength: sequenceLength, packing.beginningID) {
        if part.targets.contains(where: tokens.countsInLoss) { parts.append(part) } else { uncounted += 1 }
      }
    }
    uncountedParts = uncounted
    (self.parts, starts) = Self.packed(parts, sequenceLength: sequenceLength)
  }

  /// The documents of a text: their positions and first ids.
  private static func forEachDocument(of tokens: any TokenSource, _ body: (Range<Int>, Int32) -> Void) {
    var start = 0
    for position in 1...tokens.count where position == tokens.count || tokens.beginsDocument(position) {
      body(start..<position, tokens.ids(start..<start + 1)[0])
      start = position
    }
  }

  /// A document as one part, or as many as it takes; each of its tokens but a first one that is BOS, or has nothing in
  /// front, is a target once.
  private static func parts(
    of document: Range<Int>, _ firstID: Int32, sequenceLength: Int, _ beginningID: Int32?
  ) -> [SequencePart] {
    var (parts, next) = ([SequencePart](), document.lowerBound)
    if beginningID == nil || firstID == beginningID {
      let length = min(sequenceLength, document.count - 1)
      if length > 0 { parts.append(SequencePart(start: next, length: length)) }
      next += length + 1
    }
    // `next` is the first token that was no target yet
    while next < document.upperBound {
      let length = min(sequenceLength, document.upperBound - next)
      parts.append(
        SequencePart(start: beginningID == nil ? next - 1 : next, length: length, beginningID: beginningID))
      next += length
    }
    return parts
  }

  /// Parts of up to T rows in the order of their sequences, and where these begin.
  private static func packed(
    _ parts: [SequencePart], sequenceLength: Int
  ) -> (parts: [SequencePart], starts: [Int]) {
    let order = parts.indices.sorted { (-parts[$0].length, $0) < (-parts[$1].length, $1) }
    // sequences by the rows that are free, and a bit for each number of these that some have
    var free = [[Int]](repeating: [], count: sequenceLength + 1)
    var bits = [UInt64](repeating: 0, count: sequenceLength / 64 + 1)
    var members: [[Int]] = []
    for index in order {
      let length = parts[index].length
      var (sequence, left) = (members.count, sequenceLength)
      if let best = bits.firstBit(from: length), let last = free[best].popLast() {
        (sequence, left) = (last, best)
        if free[best].isEmpty { bits[best / 64] &= ~(1 << UInt64(best % 64)) }
      } else {
        members.append([])
      }
      members[sequence].append(index)
      if left > length {
        free[left - length].append(sequence)
        bits[(left - length) / 64] |= 1 << UInt64((left - length) % 64)
      }
    }
    var starts = [0]
    for indices in members { starts.append(starts[starts.count - 1] + indices.count) }
    return (members.joined().map { parts[$0] }, starts)
  }
}

extension [UInt64] {
  /// The first bit from `bit` on that is set.
  fileprivate func firstBit(from bit: Int) -> Int? {
    var (index, word) = (bit / 64, self[bit / 64] & (.max << UInt64(bit % 64)))
    while word == 0 {
      index += 1
      guard index < count else { return nil }
      word = self[index]
    }
    return index * 64 + word.trailingZeroBitCount
  }
}
