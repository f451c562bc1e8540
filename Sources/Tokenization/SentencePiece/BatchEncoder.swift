import CSentencePiece

/// What turns text into ids: libsentencepiece, and `UnigramEncoder` in its place where that can be.
struct BatchEncoder: Sendable {
  /// Encodes texts that begin.
  let start: SentencePieceProcessor
  /// Encodes text that goes on from other text: without a dummy prefix.
  let inner: SentencePieceProcessor
  /// Encodes what `inner` would, with the same ids.
  let unigram: UnigramEncoder?
  /// The ids that stand for U+2581, where it is to be told from a space.
  let literalSpace: [Int32]?

  /// As `Tokenizer.encode`.
  func encode(_ batch: TextBatch, threads: Int) -> EncodedBatch {
    guard !batch.ends.isEmpty else { return EncodedBatch() }
    var ids: UnsafeMutablePointer<Int32>?
    var message: UnsafeMutablePointer<CChar>?
    var status: Int32 = 0
    let idEnds = [Int](unsafeUninitializedCapacity: batch.ends.count) { idEnds, count in
      withEncoder { encoder in
        idEnds.withMemoryRebound(to: UInt.self) { idEnds in
          batch.ends.withUnsafeBufferPointer { ends in
            ends.withMemoryRebound(to: UInt.self) { ends in
              batch.startsText.withUnsafeBytes { startsText in
                let startsText = startsText.assumingMemoryBound(to: UInt8.self)
                status = sentencepiece_encode(
                  encoder, batch.bytes, ends.baseAddress, startsText.baseAddress, ends.count, threads, &ids,
                  idEnds.baseAddress, &message)
              }
            }
          }
        }
      }
      count = status == 0 ? batch.ends.count : 0
    }
    defer { sentencepiece_free(ids) }
    // A sound model encodes every text; what is left is lack of memory.
    precondition(status == 0, "libsentencepiece cannot encode: \(takenText(message))")
    return EncodedBatch(ids: Array(UnsafeBufferPointer(start: ids, count: idEnds.last ?? 0)), ends: idEnds)
  }

  private func withEncoder(_ body: (UnsafePointer<sentencepiece_encoder>) -> Void) {
    func run(_ literalSpace: UnsafePointer<Int32>?) {
      var encoder = sentencepiece_encoder(
        start: start.pointer, inner: inner.pointer, unigram: unigram?.pointer, literal_space: literalSpace)
      body(&encoder)
    }
    if let literalSpace { literalSpace.withUnsafeBufferPointer { run($0.baseAddress) } } else { run(nil) }
  }
}
