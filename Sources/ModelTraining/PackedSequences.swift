import Diagnostics
import DurableFiles
import Foundation
import TensorCore

/// A text cut into sequences of T tokens, as `SequencePacking` says.
///
/// Unless it is cut between documents, the n tokens of the text are a ring, in which the last is followed by the first.
/// Sequence i covers the T tokens from offset + i·T on. The offset is 0, or drawn anew in each epoch. What the model is
/// fed, and what it learns to predict, depends on BOS:
///
/// | BOS | inputs | targets |
/// | --- | --- | --- |
/// | is not put in front | the T tokens | the token after each of them |
/// | is put in front | BOS and the first T − 1 tokens | the T tokens |
/// | is the first of the T tokens itself | the T tokens | tokens 2 to T; the last input has no target |
///
/// Less than a sequence is left over in each epoch: at the end of the text, or before the offset.
public struct PackedSequences: Sendable {
  /// What errors call the text: its path.
  public let name: String
  /// T
  public let sequenceLength: Int
  /// How the text is cut.
  public let packing: SequencePacking
  /// The number of sequences in an epoch, at least 1, without those of `others`.
  let ownCount: Int
  /// Texts that are read beside this one, each packed by itself: this is part 0 of all, and they are 1 and so on.
  let others: [PackedSequences]
  let tokens: any TokenSource
  /// What sequences hold, where the text is cut between documents.
  let documents: DocumentPacking?
  /// Where T or more tokens in a row do not count in the loss, ascending.
  let uncountedRuns: [Range<Int>]

  /// The sequences of `tokens`; by default at fixed places, with nothing in front. Throws `value` if there is not one,
  /// or the length is not positive; `nothingCounted` where no document has anything to learn.
  public init(
    _ tokens: any TokenSource, sequenceLength: Int, packing: SequencePacking = .fixed, name: String
  ) throws(TrainingError) {
    guard sequenceLength > 0 else {
      throw .value(InvalidValue("sequence-length", expected: "a whole number above 0", found: "\(sequenceLength)"))
    }
    // At fixed places the last target lies one beyond the last input, unless BOS in front makes up for it.
    let beyond = packing.cuts == .fixed && packing.beginningID == nil ? 1 : 0
    let least = packing.cuts == .documents ? 2 : sequenceLength + beyond
    guard tokens.count >= least else {
      throw .value(
        InvalidValue(
          name, "tokens", expected: "at least \(least), for a sequence length of \(sequenceLength)",
          found: "\(tokens.count)", advice: "give more text or a smaller sequence length"))
    }
    self.name = name
    self.sequenceLength = sequenceLength
    self.packing = packing
    self.tokens = tokens
    if packing.cuts == .documents {
      let documents = DocumentPacking(tokens, sequenceLength: sequenceLength, packing)
      guard documents.count > 0 else { throw .nothingCounted(text: name) }
      (self.documents, ownCount, uncountedRuns) = (documents, documents.count, [])
    } else {
      documents = nil
      ownCount = (tokens.count - beyond) / sequenceLength
      uncountedRuns = Self.uncountedRuns(of: tokens, atLeast: sequenceLength)
    }
    others = []
  }

  /// The number of sequences in an epoch, at least 1.
  public var count: Int { others.reduce(ownCount) { $0 + $1.ownCount } }

  /// The sequences at some places, as one batch.
  public func batch(_ places: [SequencePlace]) -> TokenBatch {
    var (ids, targets, segments) = ([Int32](), [Int32](), [Int]())
    ids.reserveCapacity(places.count * sequenceLength)
    targets.reserveCapacity(places.count * sequenceLength)
    var (beginsDocument, textParts) = ([Bool](), [Int]())
    for (index, place) in places.enumerated() {
      let found = located(place)
      let parts = found.text.parts(of: found.place)
      for part in parts {
        found.text.append(part, &ids, &targets)
        segments.append(part.length)
      }
      beginsDocument.append(parts.first.map(found.text.beginsDocument) ?? false)
      textParts.append(found.part)
      // nothing is learnt from what stays free behind the last part
      let free = (index + 1) * sequenceLength - ids.count
      if free > 0 { segments.append(free) }
      ids += [Int32](repeating: 0, count: free)
      targets += [Int32](repeating: -1, count: free)
    }
    return TokenBatch(
      ids: ids, targets: targets, batchSize: places.count, sequences: places.map(\.index), segments: segments,
      beginsDocument: beginsDocument, parts: others.isEmpty ? [] : textParts)
  }

  /// The sequences with the given indices, each in 0..<count, at offset 0, as one batch.
  public func batch(_ indices: [Int]) -> TokenBatch { batch(indices.map { SequencePlace(index: $0) }) }

  /// The positions in the text, of one part, of the targets that count in the loss, of a sequence in 0..<count at
  /// offset 0, in the order of the batch's rows.
  public func countedPositions(ofSequence index: Int) -> [Int] {
    precondition(others.isEmpty, "positions in a text of \(partCount) parts")
    return parts(of: SequencePlace(index: index)).flatMap(\.targets).map { $0 % tokens.count }.filter(
      tokens.countsInLoss)
  }

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
    for other in others { parts += "\n" + other.digest() }
    return Digest.sha256(of: Data(parts.utf8))
  }

  private func append(_ part: SequencePart, _ ids: inout [Int32], _ targets: inout [Int32]) {
    let hasInner = part.beginningID == nil && part.hasLastTarget
    let window = window(from: part.start, count: part.length + (hasInner ? 1 : 0))
    if let beginningID = part.beginningID {
      ids.append(beginningID)
      ids += window.dropLast()
    } else {
      ids += window[..<part.length]
    }
    for position in part.targets {
      targets.append(tokens.countsInLoss(position % tokens.count) ? window[position - part.start] : -1)
    }
    if !part.hasLastTarget { targets.append(-1) }
  }

  /// What a sequence holds, one after another.
  private func parts(of place: SequencePlace) -> ArraySlice<SequencePart> {
    precondition(place.index >= 0 && place.index < ownCount, "sequence \(place.index) of \(ownCount)")
    precondition(
      place.offset >= 0 && place.offset < (packing.cuts == .shifted ? sequenceLength : 1),
      "offset \(place.offset) of sequences of \(sequenceLength) tokens, \(packing)")
    if let documents { return documents[place.index] }
    var part = SequencePart(start: start(of: place), length: sequenceLength, beginningID: packing.beginningID)
    if let beginningID = packing.beginningID, window(from: part.start, count: 1) == [beginningID] {
      (part.beginningID, part.hasLastTarget) = (nil, false)
    }
    return [part]
  }

  /// Whether the first token of a part is the first one of a document.
  private func beginsDocument(_ part: SequencePart) -> Bool {
    let start = part.start % tokens.count
    if tokens.beginsDocument(start) { return true }
    // or the first one behind its BOS
    return start > 0 && tokens.beginsDocument(start - 1) && tokens.ids(start - 1..<start)[0] == packing.beginningID
  }

  /// The position of a sequence's first token, before or just behind the end of the ring.
  func start(of place: SequencePlace) -> Int { place.offset + place.index * sequenceLength }

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
