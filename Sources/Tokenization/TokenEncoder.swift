/// Encodes one text that arrives in parts. The ids do not depend on how it is cut into parts.
struct TokenEncoder {
  private let tokenizer: SentencePieceTokenizer
  private let threads: Int
  private var pending: [UInt8] = []
  private var scanned = 0
  private var startsText = true

  init(_ tokenizer: SentencePieceTokenizer, threads: Int) {
    self.tokenizer = tokenizer
    self.threads = threads
  }

  /// Takes the next part, UTF-8 cut anywhere, and returns the ids that are certain by now.
  mutating func append(_ part: some Collection<UInt8>) -> [Int32] {
    pending += part
    var batch = TextBatch()
    var start = 0
    var scanned = scanned
    while let end = tokenizer.segmenter.end(ofSegmentAt: start, in: pending.span, scanned: &scanned) {
      add(to: &batch, end: end)
      start = end
      scanned = 0
    }
    batch.bytes = Array(pending[..<start])
    pending.removeFirst(start)
    self.scanned = max(0, scanned - start)
    return tokenizer.encode(batch, threads: threads).ids
  }

  /// Ends the text here, whole characters only, and returns the ids of the rest. What is appended next goes on from it
  /// (without a dummy prefix), but no piece reaches across.
  mutating func finishPart() -> [Int32] {
    guard !pending.isEmpty else { return [] }
    var batch = TextBatch()
    batch.bytes = pending
    add(to: &batch, end: pending.count)
    pending = []
    scanned = 0
    return tokenizer.encode(batch, threads: threads).ids
  }

  private mutating func add(to batch: inout TextBatch, end: Int) {
    batch.ends.append(end)
    batch.startsText.append(startsText ? 1 : 0)
    startsText = false
  }
}
