/// Proves that libsentencepiece's BPE merges as the merges of a `tokenizer.json` say, in every text, and finds the
/// scores with which it does.
///
/// Both take the best pair of neighbours again and again, of equal ones the leftmost. To huggingface/tokenizers the
/// best is the pair with the lowest rank in a list; to libsentencepiece the one that makes the piece with the best
/// score, whatever its halves. With each piece scored by the lowest rank that makes it, both go the same way in every
/// text if
///
/// - every pair of symbols (pieces or characters) that makes a piece is in the list, and
/// - of the merges that make one piece, none comes after one that makes another piece for the first time.
///
/// For then the best piece is the same at every step, and so is the pair that makes it: what happens inside a stretch
/// of text until it is one symbol depends on that stretch alone, as it does in both, so that each piece is only ever
/// made of the same two halves.
///
/// For the same reason a pair that is missing or comes late does no harm unless libsentencepiece, given the text of the
/// piece alone, ends with this pair. Where the two conditions do not hold, this is tried. (Lists that were made from a
/// SentencePiece model fulfil both; those of BPE trained by huggingface/tokenizers have one pair for each piece.)
struct MergeOrder {
  /// A pair that libsentencepiece would merge, and the list would not, or later.
  struct Conflict: Error, Equatable {
    let left: String
    let right: String
    let isLate: Bool
  }

  /// How a piece may be cut in two. The splits of a piece follow one another by `next`, -1 for the last one.
  private struct Split {
    /// The bytes of the left half.
    let leftLength: Int
    /// Whether another piece was made for the first time since this one was.
    var isLate = false
    let next: Int32
  }

  private let vocabulary: TokenizerVocabulary
  /// Of each id, whether it may stand in text that is being merged.
  private let isSymbol: [Bool]
  /// Of each id its place in the order of what merges make; `Int32.max` where none makes it.
  private(set) var order: [Int32]
  /// How many pieces merges make.
  private(set) var madeCount: Int32 = 0
  private var splits: [Split] = []
  /// Of each id the place of its first split, -1 without one.
  private var firstSplits: [Int32]

  /// - Parameters:
  ///   - merges: by rank. Of a pair that occurs twice the later one counts.
  ///   - vocabulary: the pieces.
  ///   - isSymbol: of each id, whether it may stand in text that is being merged.
  /// - Throws: the first pair that libsentencepiece would merge otherwise.
  init(_ merges: [TokenizerMerge], _ vocabulary: TokenizerVocabulary, isSymbol: [Bool]) throws(Conflict) {
    (self.vocabulary, self.isSymbol) = (vocabulary, isSymbol)
    order = [Int32](repeating: .max, count: vocabulary.idEnd)
    firstSplits = [Int32](repeating: -1, count: vocabulary.idEnd)
    readMerges(merges)
    for id in 0..<Int32(vocabulary.idEnd) where isSymbol[Int(id)] { try check(id) }
  }

  private mutating func readMerges(_ merges: [TokenizerMerge]) {
    // of each merge its split, backwards, so that of a pair that occurs twice the later one is kept
    var kept: [(made: Int, split: Int)] = []
    for merge in merges.reversed() {
      let (made, length) = (Int(merge.merged), vocabulary.bytes(of: merge.left)?.count ?? 0)
      if split(of: merge.merged, leftLength: length) != nil { continue }
      kept.append((made, splits.count))
      splits.append(Split(leftLength: length, next: firstSplits[made]))
      firstSplits[made] = Int32(splits.count - 1)
    }
    for (made, split) in kept.reversed() {
      if order[made] == .max {
        order[made] = madeCount
        madeCount += 1
      }
      splits[split].isLate = order[made] < madeCount - 1
    }
  }

  /// The split of the piece with `id` whose left half has so many bytes; nil without one.
  private func split(of id: Int32, leftLength: Int) -> Split? {
    var place = firstSplits[Int(id)]
    while place >= 0 {
      if splits[Int(place)].leftLength == leftLength { return splits[Int(place)] }
      place = splits[Int(place)].next
    }
    return nil
  }

  private func hasLateSplit(_ id: Int32) -> Bool {
    var place = firstSplits[Int(id)]
    while place >= 0, !splits[Int(place)].isLate { place = splits[Int(place)].next }
    return place >= 0
  }

  /// Whether libsentencepiece makes the piece with `id` of symbols, given its text alone; and if not, then in no text.
  func isMade(_ id: Int32) -> Bool { lastPair(of: id) != nil }

  private func check(_ id: Int32) throws(Conflict) {
    guard let piece = vocabulary.bytes(of: id) else { return }
    var open = hasLateSplit(id)
    if !open {
      var place = piece.startIndex + 1
      while place < piece.endIndex, !open {
        if piece[place] & 0xC0 != 0x80, split(of: id, leftLength: place - piece.startIndex) == nil,
          isSymbol(piece[..<place]), isSymbol(piece[place...])
        {
          open = true
        }
        place += 1
      }
    }
    guard open, let length = lastPair(of: id) else { return }
    let split = split(of: id, leftLength: length)
    if split?.isLate == false { return }
    throw Conflict(
      left: String(decoding: piece.prefix(length), as: UTF8.self),
      right: String(decoding: piece.dropFirst(length), as: UTF8.self),
      isLate: split != nil)
  }

  /// Whether these bytes may be a symbol: a piece, or a single character.
  private func isSymbol(_ bytes: ArraySlice<UInt8>) -> Bool {
    if let id = vocabulary.id(of: bytes) { return isSymbol[Int(id)] }
    return !bytes.dropFirst().contains { $0 & 0xC0 != 0x80 }
  }

  /// The length of the left one of the two symbols that libsentencepiece has before it makes this piece of its own
  /// text; nil where it does not make it.
  private func lastPair(of id: Int32) -> Int? {
    guard let piece = vocabulary.bytes(of: id) else { return nil }
    // where symbols begin, and the end
    var starts = piece.indices.filter { piece[$0] & 0xC0 != 0x80 } + [piece.endIndex]
    while starts.count > 3 {
      var best: (order: Int32, place: Int)?
      for place in 0..<starts.count - 2 {
        guard let made = vocabulary.id(of: piece[starts[place]..<starts[place + 2]]), isSymbol[Int(made)],
          best == nil || order[Int(made)] < best!.order
        else { continue }
        best = (order[Int(made)], place)
      }
      guard let best else { return nil }
      starts.remove(at: best.place + 1)
    }
    return starts.count == 3 ? starts[1] - starts[0] : nil
  }
}
