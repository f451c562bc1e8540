/// Encodes one text that arrives in parts. The ids do not depend on how it is cut into parts.
struct TokenEncoder {
  private let tokenizer: any Tokenizer
  private let threads: Int
  private var pending: [UInt8] = []
  private var cutter = TextCutter()

  init(_ tokenizer: any Tokenizer, threads: Int) {
    self.tokenizer = tokenizer
    self.threads = threads
  }

  /// Takes the next part, UTF-8 cut anywhere, and returns the ids that are certain by now.
  mutating func append(_ part: some Collection<UInt8>) -> [Int32] {
    pending += part
    var batch = TextBatch(bytes: pending)
    let end = cutter.addSegments(from: 0, to: &batch, by: tokenizer)
    // A tokenizer that cannot cut lets a text grow; it is not to be copied each time.
    guard end > 0 else { return [] }
    pending.removeFirst(end)
    batch.bytes.removeLast(batch.bytes.count - end)
    return tokenizer.encode(batch, threads: threads).ids
  }

  /// Ends the text, whole characters only, and returns the ids of the rest.
  mutating func finish() -> [Int32] {
    guard !pending.isEmpty else { return [] }
    var batch = TextBatch(bytes: pending)
    pending = []
    cutter.addRest(from: 0, to: &batch)
    return tokenizer.encode(batch, threads: threads).ids
  }
}
