import Foundation

extension Tokenizer {
  /// The ids of `text`, without BOS and EOS. Large texts (megabytes) are encoded in parallel.
  public func encode(_ text: String) -> [Int32] { encode([text])[0] }

  /// The ids of each text, in order, without BOS and EOS; many texts are encoded in parallel.
  public func encode(_ texts: [String]) -> [[Int32]] {
    var batch = TextBatch()
    // Where each text's segments end in the batch.
    var textEnds: [Int] = []
    for text in texts {
      var cutter = TextCutter()
      let start = batch.bytes.count
      batch.bytes += text.utf8
      let end = cutter.addSegments(from: start, to: &batch, by: self)
      cutter.addRest(from: end, to: &batch)
      textEnds.append(batch.ends.count)
    }
    let encoded = encode(batch, threads: ProcessInfo.processInfo.activeProcessorCount)
    var start = 0
    return textEnds.map { textEnd in
      let end = textEnd == 0 ? 0 : encoded.ends[textEnd - 1]
      defer { start = end }
      return Array(encoded.ids[start..<end])
    }
  }

  /// The text of `ids`.
  public func decode(_ ids: some Sequence<Int32>) -> String {
    String(decoding: decoded(ids, by: makeDecoder(repairsUTF8: true)), as: UTF8.self)
  }

  /// The bytes of `ids`: as `decode`, but bytes that are no UTF-8 stay as they are.
  public func decodeBytes(_ ids: some Sequence<Int32>) -> [UInt8] {
    decoded(ids, by: makeDecoder(repairsUTF8: false))
  }

  private func decoded(_ ids: some Sequence<Int32>, by decoder: any TokenDecoder) -> [UInt8] {
    var decoder = decoder
    var bytes: [UInt8] = []
    for id in ids { decoder.append(id, to: &bytes) }
    decoder.finish(to: &bytes)
    return bytes
  }
}
