extension SentencePieceTokenizer {
  public func encode(_ batch: TextBatch, threads: Int) -> EncodedBatch {
    // Below that, starting a thread costs more than it saves.
    encoder.encode(batch, threads: batch.bytes.count < 1 << 15 ? 1 : threads)
  }

  public func moveToCut(_ place: inout Int, in text: borrowing Span<UInt8>) -> Bool {
    segmenter.moveToCut(&place, in: text)
  }

  public func makeDecoder(repairsUTF8: Bool) -> any TokenDecoder { PieceDecoder(self, repairsUTF8: repairsUTF8) }

  /// The text of `ids`, as libsentencepiece has it: control pieces vanish, the dummy prefix is taken off, and bytes
  /// that are no UTF-8 become U+FFFD.
  public func decode(_ ids: some Sequence<Int32>) -> String { processor.decode(ids.filter(isKnown)) }

  /// Whether the vocabulary has `id`.
  func isKnown(_ id: Int32) -> Bool { id >= 0 && id < vocabularySize }

  public func keepsWhole(_ id: Int32) -> Bool { kind(id) == .userDefined }
}
