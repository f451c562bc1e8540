import Foundation

extension SentencePieceTokenizer {
  /// The ids of `text`, without BOS and EOS. Large texts (megabytes) are encoded in parallel.
  public func encode(_ text: String) -> [Int32] { encode([text])[0] }

  /// The ids of each text, in order, without BOS and EOS; many texts are encoded in parallel.
  public func encode(_ texts: [String]) -> [[Int32]] {
    var batch = TextBatch()
    // Where each text's parts end in the batch.
    var textEnds: [Int] = []
    for text in texts {
      let base = batch.bytes.count
      batch.bytes += text.utf8
      var start = base
      var scanned = 0
      while let end = segmenter.end(ofSegmentAt: start, in: batch.bytes.span, scanned: &scanned) {
        batch.ends.append(end)
        batch.startsText.append(start == base ? 1 : 0)
        start = end
        scanned = 0
      }
      if start < batch.bytes.count {
        batch.ends.append(batch.bytes.count)
        batch.startsText.append(start == base ? 1 : 0)
      }
      textEnds.append(batch.ends.count)
    }
    let (ids, ends) = encode(batch, threads: ProcessInfo.processInfo.activeProcessorCount)
    var start = 0
    return textEnds.map { textEnd in
      let end = textEnd == 0 ? 0 : ends[textEnd - 1]
      defer { start = end }
      return Array(ids[start..<end])
    }
  }

  /// The text of `ids`, as libsentencepiece has it: control pieces vanish, the dummy prefix is taken off, and bytes that
  /// are no UTF-8 become U+FFFD. An id outside the vocabulary (of a model with more outputs than its tokenizer has pieces)
  /// is decoded like the unknown piece.
  public func decode(_ ids: some Sequence<Int32>) -> String { processor.decode(ids.map(known)) }

  /// The bytes of `ids`: as `decode`, but bytes that are no UTF-8 stay as they are.
  public func decodeBytes(_ ids: some Sequence<Int32>) -> [UInt8] {
    var decoder = PieceDecoder(self, repairs: false)
    var bytes: [UInt8] = []
    for id in ids { decoder.append(id, to: &bytes) }
    decoder.finish(to: &bytes)
    return bytes
  }

  /// `id`, or the unknown piece's where the vocabulary does not have it.
  func known(_ id: Int32) -> Int32 { id >= 0 && id < vocabularySize ? id : proto.unknownIndex }

  func encode(_ batch: TextBatch, threads: Int) -> (ids: [Int32], ends: [Int]) {
    // Below that, starting a thread costs more than it saves.
    encoder.encode(batch, threads: batch.bytes.count < 1 << 15 ? 1 : threads)
  }
}
