import Diagnostics
import DurableFiles
import Foundation
import TensorCore

/// A text cut into sequences of T tokens, without regard to where documents begin.
///
/// Sequence i has the tokens i·T ..< (i + 1)·T as inputs, and each one's successor as its target, so that every token
/// but the text's first is a target once. What is left at the end, less than a sequence, is not used.
public struct PackedSequences: Sendable {
  /// What errors call the text: its path.
  public let name: String
  /// T
  public let sequenceLength: Int
  /// The number of sequences, at least 1.
  public let count: Int
  private let tokens: any TokenSource

  /// The sequences of `tokens`. Throws `value` if there is not one, or the length is not positive.
  public init(_ tokens: any TokenSource, sequenceLength: Int, name: String) throws(TrainingError) {
    guard sequenceLength > 0 else {
      throw .value(InvalidValue("sequence-length", expected: "a whole number above 0", found: "\(sequenceLength)"))
    }
    guard tokens.count > sequenceLength else {
      throw .value(
        InvalidValue(
          name, "tokens", expected: "at least \(sequenceLength + 1), for a sequence length of \(sequenceLength)",
          found: "\(tokens.count)", advice: "give more text or a smaller sequence length"))
    }
    self.name = name
    self.sequenceLength = sequenceLength
    self.tokens = tokens
    // the last target lies one beyond the last input
    count = (tokens.count - 1) / sequenceLength
  }

  /// The sequences with the given indices, each in 0..<count, as one batch.
  public func batch(_ indices: [Int]) -> TokenBatch {
    var ids: [Int32] = []
    var targets: [Int32] = []
    ids.reserveCapacity(indices.count * sequenceLength)
    targets.reserveCapacity(indices.count * sequenceLength)
    for index in indices {
      precondition(index >= 0 && index < count, "sequence \(index) of \(count)")
      let start = index * sequenceLength
      let window = tokens.ids(start..<start + sequenceLength + 1)
      ids += window.dropLast()
      for offset in 1...sequenceLength {
        targets.append(tokens.countsInLoss(start + offset) ? window[offset] : -1)
      }
    }
    return TokenBatch(ids: ids, targets: targets, batchSize: indices.count, sequences: indices)
  }

  /// The number of targets that count in the loss, over all sequences.
  public var countedTokens: Int { (1...count * sequenceLength).count { tokens.countsInLoss($0) } }

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
}

/// The order in which a run goes through its sequences: each epoch all of them once, shuffled by seed and epoch.
///
/// A position counts the sequences since the beginning of the run, over all epochs. The order at a position depends on
/// nothing else, so that one number is all there is to remember.
public struct SequenceOrder: Sendable {
  /// The number of sequences.
  public let count: Int
  /// The same seed gives the same order.
  public let seed: UInt64
  private var epoch = -1
  private var permutation: [Int] = []

  /// The order of `count` sequences, at least 1.
  public init(count: Int, seed: UInt64) {
    precondition(count > 0, "an order of \(count) sequences")
    self.count = count
    self.seed = seed
  }

  /// The index in 0..<count of the sequence at a position from 0. Positions of one epoch are cheap one after another.
  public mutating func index(at position: Int) -> Int {
    let wanted = position / count
    if wanted != epoch {
      permutation = Self.permutation(of: count, seed: seed, epoch: wanted)
      epoch = wanted
    }
    return permutation[position % count]
  }

  /// The shuffle of Fisher and Yates (Durstenfeld 1964).
  private static func permutation(of count: Int, seed: UInt64, epoch: Int) -> [Int] {
    // Both numbers are hashed: generators whose seeds differ by a multiple of the increment run through the same
    // numbers.
    var (seeds, epochs) = (SeededGenerator(seed: seed), SeededGenerator(seed: UInt64(epoch)))
    var generator = SeededGenerator(seed: seeds.next() ^ ~epochs.next())
    var order = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(last, Int(generator.next().multipliedFullWidth(by: UInt64(last + 1)).high))
    }
    return order
  }
}
