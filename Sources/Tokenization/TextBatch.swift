/// Texts to encode, one after another, each a whole text or a part of one that was cut where that is allowed.
public struct TextBatch: Sendable {
  /// UTF-8.
  public var bytes: [UInt8]
  /// Where each text ends in `bytes`.
  public var ends: [Int]
  /// Of each text, whether it begins one, rather than go on from another.
  public var startsText: [Bool]
  /// The indices of the texts that another part goes on from: the next in the batch, if there is one that goes on. They
  /// keep a space at their end, which a tokenizer may remove at the end of a text.
  public var continued: Set<Int>

  /// A batch, as the properties say; without any, an empty one.
  public init(bytes: [UInt8] = [], ends: [Int] = [], startsText: [Bool] = [], continued: Set<Int> = []) {
    self.bytes = bytes
    self.ends = ends
    self.startsText = startsText
    self.continued = continued
  }

  /// Whether the text with this index ends one, rather than being gone on from.
  func endsText(at index: Int) -> Bool { !continued.contains(index) }
}

/// The ids of a batch of texts.
public struct EncodedBatch: Hashable, Sendable {
  /// The ids of all texts, one after another.
  public var ids: [Int32]
  /// Where each text's ids end in `ids`.
  public var ends: [Int]

  /// A batch, as the properties say; without any, an empty one.
  public init(ids: [Int32] = [], ends: [Int] = []) {
    self.ids = ids
    self.ends = ends
  }
}

/// Cuts one text, which may arrive in parts, into segments to be encoded in parallel. Cuts depend on the text and the
/// tokenizer alone, never on how the text arrives.
struct TextCutter {
  /// A segment ends at the first safe place from here on: long enough to be worth a call, short enough for exact sums
  /// of scores.
  static let shortestSegment = 1024

  private var startsText: Bool
  /// How much of the segment that is not complete yet was searched in vain.
  private var searched = shortestSegment

  /// Begins a text or, where it does not start one, a part that goes on from another.
  init(startsText: Bool = true) { self.startsText = startsText }

  /// Adds the complete segments of the text, which goes on at `start` in `batch.bytes`. Returns where the last of them
  /// ends.
  mutating func addSegments(from start: Int, to batch: inout TextBatch, by tokenizer: any Tokenizer) -> Int {
    var start = start
    var place = start + searched
    while place < batch.bytes.count, tokenizer.moveToCut(&place, in: batch.bytes.span) {
      add(to: &batch, end: place, isContinued: true)
      start = place
      place += Self.shortestSegment
    }
    searched = place - start
    return start
  }

  /// Adds all the rest of `batch.bytes` as the last segment, if there is any. Another part may go on from it.
  mutating func addRest(from start: Int, to batch: inout TextBatch, isContinued: Bool = false) {
    searched = Self.shortestSegment
    if start < batch.bytes.count { add(to: &batch, end: batch.bytes.count, isContinued: isContinued) }
  }

  private mutating func add(to batch: inout TextBatch, end: Int, isContinued: Bool) {
    if isContinued { batch.continued.insert(batch.ends.count) }
    batch.ends.append(end)
    batch.startsText.append(startsText)
    startsText = false
  }
}
