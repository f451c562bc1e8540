import Diagnostics
import DurableFiles
import Foundation
import TensorCore

/// A text cut into sequences of T tokens, without regard to where documents begin.
///
/// The n tokens of the text are a ring, in which the last is followed by the first. Sequence i covers the T tokens from
/// offset + i·T on; the offset is 0, or drawn anew in each epoch (see `SequencePacking`). Without BOS in front, these are
/// the inputs, and each one's successor is its target. With BOS in front, they are the targets, and the inputs are BOS
/// and all of them but the last. Where BOS is the first of them anyway, none is put in front: they are the inputs, and
/// the last one's successor, which the next sequence begins with, is no target.
///
/// Less than a sequence is left over in each epoch: at the end of the text, or before the offset.
public struct PackedSequences: Sendable {
  /// What errors call the text: its path.
  public let name: String
  /// T
  public let sequenceLength: Int
  /// How the text is cut.
  public let packing: SequencePacking
  /// The number of sequences in an epoch, at least 1.
  public let count: Int
  private let tokens: any TokenSource
  /// Where T or more tokens in a row do not count in the loss, ascending.
  private let uncountedRuns: [Range<Int>]

  /// The sequences of `tokens`; by default at fixed places, with nothing in front. Throws `value` if there is not one,
  /// or the length is not positive.
  public init(
    _ tokens: any TokenSource, sequenceLength: Int, packing: SequencePacking = .fixed, name: String
  ) throws(TrainingError) {
    guard sequenceLength > 0 else {
      throw .value(InvalidValue("sequence-length", expected: "a whole number above 0", found: "\(sequenceLength)"))
    }
    // At fixed places the last target lies one beyond the last input, unless BOS in front makes up for it.
    let beyond = packing == .fixed ? 1 : 0
    guard tokens.count - beyond >= sequenceLength else {
      throw .value(
        InvalidValue(
          name, "tokens", expected: "at least \(sequenceLength + beyond), for a sequence length of \(sequenceLength)",
          found: "\(tokens.count)", advice: "give more text or a smaller sequence length"))
    }
    self.name = name
    self.sequenceLength = sequenceLength
    self.packing = packing
    self.tokens = tokens
    count = (tokens.count - beyond) / sequenceLength
    uncountedRuns = Self.uncountedRuns(of: tokens, atLeast: sequenceLength)
  }

  /// The sequences at some places, as one batch.
  public func batch(_ places: [SequencePlace]) -> TokenBatch {
    var ids: [Int32] = []
    var targets: [Int32] = []
    ids.reserveCapacity(places.count * sequenceLength)
    targets.reserveCapacity(places.count * sequenceLength)
    for place in places {
      let start = start(of: place)
      let window = window(from: start, count: sequenceLength + 1)
      var (first, last) = (1, sequenceLength)
      if let beginningID = packing.beginningID {
        if window[0] == beginningID { last -= 1 } else { first = 0 }
      }
      if first == 0, let beginningID = packing.beginningID { ids.append(beginningID) }
      ids += window[..<(sequenceLength - 1 + first)]
      for index in first..<first + sequenceLength {
        let counts = index <= last && tokens.countsInLoss((start + index) % tokens.count)
        targets.append(counts ? window[index] : -1)
      }
    }
    return TokenBatch(ids: ids, targets: targets, batchSize: places.count, sequences: places.map(\.index))
  }

  /// The sequences with the given indices, each in 0..<count, at offset 0, as one batch.
  public func batch(_ indices: [Int]) -> TokenBatch { batch(indices.map { SequencePlace(index: $0) }) }

  /// The number of targets that count in the loss, over all sequences at offset 0.
  public var countedTokens: Int { (0..<count).reduce(0) { $0 + batch([$1]).countedTokens } }

  /// A digest of all ids and of which of them count.
  public func digest() -> String {
    let chunk = 1 << 20
    var parts = ""
    for start in stride(from: 0, to: tokens.count, by: chunk) {
      let range = start..<min(tokens.count, start + chunk)
      var bytes: [UInt8] = []
      bytes.reserveCapacity(4 * range.count)
      for (id, position) in zip(tokens.ids(range), range) {
        let word = tokens.countsInLoss(position) ? id : ~id
        for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
      }
      parts += Digest.sha256(of: Data(bytes))
    }
    return Digest.sha256(of: Data(parts.utf8))
  }

  /// The position of a sequence's first token, before or just behind the end of the text.
  private func start(of place: SequencePlace) -> Int {
    precondition(place.index >= 0 && place.index < count, "sequence \(place.index) of \(count)")
    precondition(
      place.offset >= 0 && place.offset < (packing.cuts == .shifted ? sequenceLength : 1),
      "offset \(place.offset) of sequences of \(sequenceLength) tokens, \(packing.cuts)")
    return place.offset + place.index * sequenceLength
  }

  /// Tokens of the ring.
  private func window(from start: Int, count: Int) -> [Int32] {
    var (window, position) = ([Int32](), start % tokens.count)
    while window.count < count {
      let end = min(tokens.count, position + count - window.count)
      window += tokens.ids(position..<end)
      position = end % tokens.count
    }
    return window
  }
}

// MARK: - Sequences with nothing to learn

extension PackedSequences {
  /// How many sequences of an epoch with the given offset have a target that counts in the loss. The others are read in
  /// no epoch.
  func countedSequences(offset: Int) -> Int {
    let inner = wraps(offset) ? count - 1 : count
    var uncounted = 0
    for run in uncountedRuns {
      // of the sequences before the end of the text, those whose targets lie within the run
      let first = max(0, run.lowerBound - offset - targetShift + sequenceLength - 1) / sequenceLength
      let end = min(inner, (run.upperBound - offset - targetShift) / sequenceLength)
      uncounted += max(0, end - first)
    }
    if inner < count, !hasCountedTarget(SequencePlace(index: inner, offset: offset)) { uncounted += 1 }
    return count - uncounted
  }

  /// Whether a sequence has a target that counts in the loss.
  func hasCountedTarget(_ place: SequencePlace) -> Bool {
    let targets = start(of: place) + targetShift..<start(of: place) + targetShift + sequenceLength
    guard targets.upperBound <= tokens.count else {
      return targets.contains { tokens.countsInLoss($0 % tokens.count) }
    }
    // the first run that does not end before the targets do
    var (low, high) = (0, uncountedRuns.count)
    while low < high {
      let middle = (low + high) / 2
      if uncountedRuns[middle].upperBound < targets.upperBound { low = middle + 1 } else { high = middle }
    }
    return low == uncountedRuns.count || uncountedRuns[low].lowerBound > targets.lowerBound
  }

  /// How many sequences of an epoch at offset 0 have no target that counts in the loss, as parts of long prompts have
  /// none; they are left out.
  public var uncountedSequences: Int { count - countedSequences(offset: 0) }

  /// Throws `nothingCounted` where no sequence has a target that counts in the loss.
  public func requireCountedTokens() throws(TrainingError) {
    let isEmpty =
      switch packing.cuts {
      case .fixed: uncountedSequences == count
      case .shifted: uncountedRuns == [0..<tokens.count]
      }
    if isEmpty { throw .nothingCounted(text: name) }
  }

  /// From a sequence's first token to its first target that may count. BOS in front makes the first token a target; where
  /// the first is BOS itself, it does not count anyway.
  private var targetShift: Int { packing.beginningID == nil ? 1 : 0 }

  /// Whether the targets of the last sequence of an epoch go on at the beginning of the text.
  private func wraps(_ offset: Int) -> Bool { offset + targetShift + count * sequenceLength > tokens.count }

  private static func uncountedRuns(of tokens: any TokenSource, atLeast length: Int) -> [Range<Int>] {
    var (runs, start) = ([Range<Int>](), 0)
    for position in 0...tokens.count where position == tokens.count || tokens.countsInLoss(position) {
      if position - start >= length { runs.append(start..<position) }
      start = position + 1
    }
    return runs
  }
}
