import TensorCore

/// Where a sequence lies in its text.
public struct SequencePlace: Sendable, Equatable {
  /// Its index in 0..<count.
  public var index: Int
  /// The position of the first token of sequence 0, below T; 0 unless the cuts are shifted.
  public var offset: Int

  /// A place, as the properties say; the offset is 0 by default.
  public init(index: Int, offset: Int = 0) {
    self.index = index
    self.offset = offset
  }
}

/// The order in which a run goes through the sequences of a text: each epoch all of them once that have something to
/// learn, shuffled by seed and epoch; where cuts are shifted, seed and epoch decide the offset, too.
///
/// A position counts the sequences since the beginning of the run, over all epochs. The sequence at a position depends
/// on text, packing and seed alone, so that one number is all there is to remember.
public struct SequenceOrder: Sendable {
  private let text: PackedSequences
  private let seed: UInt64
  private var epoch = 0
  /// The position of the epoch's first sequence.
  private var epochStart = 0
  /// The epoch's sequences, once they are asked for.
  private var places: [SequencePlace]?
  /// The number of sequences by offset. Offsets are fewer than epochs may be, and each takes a look at all of the text
  /// that does not count.
  private var counts: [Int: Int] = [:]

  /// The order of the sequences of a text, of which one has something to learn; the same seed gives the same order.
  public init(of text: PackedSequences, seed: UInt64) {
    self.text = text
    self.seed = seed
  }

  /// The sequence at a position from 0. Positions of one epoch are cheap one after another.
  public mutating func place(at position: Int) -> SequencePlace {
    precondition(position >= 0, "position \(position)")
    if position < epochStart { (epoch, epochStart, places) = (0, 0, nil) }
    while position - epochStart >= count(ofEpoch: epoch) {
      epochStart += count(ofEpoch: epoch)
      epoch += 1
      places = nil
    }
    let places = self.places ?? places(ofEpoch: epoch)
    self.places = places
    return places[position - epochStart]
  }

  /// Whether a run that began at one position has read all sequences of the text before another one: whether a whole
  /// epoch lies between.
  mutating func hasReadText(from beginning: Int, to position: Int) -> Bool {
    var (start, epoch) = (0, 0)
    while start < beginning {
      start += count(ofEpoch: epoch)
      epoch += 1
    }
    return position - start >= count(ofEpoch: epoch)
  }

  /// The number of sequences in an epoch from 0: those that have something to learn.
  mutating func count(ofEpoch epoch: Int) -> Int {
    let offset = offset(ofEpoch: epoch)
    if let count = counts[offset] { return count }
    let count = text.countedSequences(offset: offset)
    counts[offset] = count
    return count
  }

  /// The number of sequences in so many epochs, at least 1; the part of a last epoch is rounded. nil where it is more
  /// than 10¹⁵.
  mutating func count(inEpochs epochs: Double) -> Int? {
    guard epochs * Double(text.count) < 1e15 else { return nil }
    let whole = Int(epochs)
    var before = 0
    if text.packing.cuts == .shifted {
      for epoch in 0..<whole { before += count(ofEpoch: epoch) }
    } else {
      before = whole * count(ofEpoch: 0)
    }
    let part = ((epochs - Double(whole)) * Double(count(ofEpoch: whole))).rounded()
    return max(1, before + Int(part))
  }

  private mutating func places(ofEpoch epoch: Int) -> [SequencePlace] {
    let offset = offset(ofEpoch: epoch)
    let places = permutation(ofEpoch: epoch).map { SequencePlace(index: $0, offset: offset) }
    return count(ofEpoch: epoch) == text.count ? places : places.filter(text.hasCountedTarget)
  }

  private func offset(ofEpoch epoch: Int) -> Int {
    guard text.packing.cuts == .shifted else { return 0 }
    var generator = SeededGenerator(seed: seed, stream: epoch)
    return Int(generator.next().multipliedFullWidth(by: UInt64(text.sequenceLength)).high)
  }

  /// The shuffle of Fisher and Yates (Durstenfeld 1964).
  private func permutation(ofEpoch epoch: Int) -> [Int] {
    // Both numbers are hashed: generators whose seeds differ by a multiple of the increment run through the same
    // numbers.
    var (seeds, epochs) = (SeededGenerator(seed: seed), SeededGenerator(seed: UInt64(epoch)))
    var generator = SeededGenerator(seed: seeds.next() ^ ~epochs.next())
    var order = Array(0..<text.count)
    for last in stride(from: text.count - 1, to: 0, by: -1) {
      order.swapAt(last, Int(generator.next().multipliedFullWidth(by: UInt64(last + 1)).high))
    }
    return order
  }
}
