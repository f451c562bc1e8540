/// Texts to encode, one after another, each a whole text or a part of one that was cut where that is allowed.
public struct TextBatch: Sendable {
  /// UTF-8.
  public var bytes: [UInt8]
  /// Where each text ends in `bytes`.
  public var ends: [Int]
  /// Of each text, whether it begins one, rather than go on from another.
  public var startsText: [Bool]

  /// A batch, as the properties say; without any, an empty one.
  public init(bytes: [UInt8] = [], ends: [Int] = [], startsText: [Bool] = []) {
    self.bytes = bytes
    self.ends = ends
    self.startsText = startsText
  }
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

  private var startsText = true
  /// How much of the segment that is not complete yet was searched in vain.
  private var searched = shortestSegment

  /// Adds the complete segments of the text, which goes on at `start` in `batch.bytes`. Returns where the last of them
  /// ends.
  mutating func addSegments(from start: Int, to batch: inout TextBatch, by tokenizer: any Tokenizer) -> Int {
    var start = start
    var place = start + searched
    while place < batch.bytes.count, tokenizer.moveToCut(&place, in: batch.bytes.span) {
      add(to: &batch, end: place)
      start = place
      place += Self.shortestSegment
    }
    searched = place - start
    return start
  }

  /// Adds all the rest of `batch.bytes` as the last segment, if there is any.
  mutating func addRest(from start: Int, to batch: inout TextBatch) {
    searched = Self.shortestSegment
    if start < batch.bytes.count { add(to: &batch, end: batch.bytes.count) }
  }

  private mutating func add(to batch: inout TextBatch, end: Int) {
    batch.ends.append(end)
    batch.startsText.append(startsText)
    startsText = false
  }
}
