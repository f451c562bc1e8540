import CSentencePiece

/// What turns text into ids: libsentencepiece, and `UnigramEncoder` in its place where that can be.
struct BatchEncoder: Sendable {
  /// Encodes texts that begin.
  let start: SentencePieceProcessor
  /// Encodes text that goes on from other text: without a dummy prefix.
  let inner: SentencePieceProcessor
  /// Encodes text that goes on from other text with a space, which is kept; nil where all spaces are kept anyway.
  let spaced: Spaced?
  /// Encodes what `inner` would, with the same ids.
  let unigram: UnigramEncoder?
  /// The ids that stand for U+2581, where it is to be told from a space.
  let literalSpace: [Int32]?

  /// What keeps the one space between two parts of a text in a model that removes spaces at the ends of a text.
  struct Spaced: Sendable {
    /// Puts a space in front of what is left of a text when the spaces at its ends are removed.
    let processor: SentencePieceProcessor
    /// Says whether a text has spaces at its ends.
    let edges: EdgeSpaces
    /// A space that stands alone.
    let ids: [Int32]
  }

  /// As `Tokenizer.encode`.
  func encode(_ batch: TextBatch, threads: Int) -> EncodedBatch {
    guard !batch.ends.isEmpty else { return EncodedBatch() }
    var ids: UnsafeMutablePointer<Int32>?
    var message: UnsafeMutablePointer<CChar>?
    var status: Int32 = 0
    let ways = ways(of: batch)
    let idEnds = [Int](unsafeUninitializedCapacity: batch.ends.count) { idEnds, count in
      withEncoder { encoder in
        idEnds.withMemoryRebound(to: UInt.self) { idEnds in
          batch.ends.withUnsafeBufferPointer { ends in
            ends.withMemoryRebound(to: UInt.self) { ends in
              status = sentencepiece_encode(
                encoder, batch.bytes, ends.baseAddress, ways, ends.count, threads, &ids, idEnds.baseAddress, &message)
            }
          }
        }
      }
      count = status == 0 ? batch.ends.count : 0
    }
    defer { sentencepiece_free(ids) }
    // A model that was read encodes every text (`ModelProto.requireEncodable`); what is left is lack of memory.
    precondition(status == 0, "libsentencepiece cannot encode: \(takenText(message))")
    return EncodedBatch(ids: Array(UnsafeBufferPointer(start: ids, count: idEnds.last ?? 0)), ends: idEnds)
  }

  /// How each text of a batch is encoded: the flags of the C interface.
  private func ways(of batch: TextBatch) -> [UInt8] {
    func way(_ flags: sentencepiece_way...) -> UInt8 { UInt8(flags.reduce(0) { $0 | $1.rawValue }) }
    guard let spaced else {
      return batch.startsText.map { way($0 ? sentencepiece_by_start : sentencepiece_by_inner) }
    }
    // Whether the text before ends with a space that was kept.
    var followsSpace = false
    return batch.ends.indices.map { index in
      let text = batch.bytes[(index == 0 ? 0 : batch.ends[index - 1])..<batch.ends[index]]
      let (starts, ends) = (batch.startsText[index], batch.endsText(at: index))
      if starts { followsSpace = false }
      let isBlank = spaced.edges.fills(text)
      let beginsWithSpace = !starts && !followsSpace && !isBlank && spaced.edges.begins(text)
      let endsWithSpace = !ends && !(isBlank && followsSpace) && spaced.edges.ends(text)
      followsSpace = !ends && (endsWithSpace || isBlank && followsSpace)
      return way(
        starts ? sentencepiece_by_start : beginsWithSpace ? sentencepiece_by_spaced : sentencepiece_by_inner,
        endsWithSpace ? sentencepiece_space_follows : sentencepiece_by_start)
    }
  }

  private func withEncoder(_ body: (UnsafePointer<sentencepiece_encoder>) -> Void) {
    let (literalSpace, space) = (literalSpace ?? [], spaced?.ids ?? [])
    literalSpace.withUnsafeBufferPointer { literalSpace in
      space.withUnsafeBufferPointer { space in
        var encoder = sentencepiece_encoder(
          start: start.pointer, inner: inner.pointer, spaced: (spaced?.processor ?? inner).pointer,
          unigram: unigram?.pointer, literal_space: literalSpace.isEmpty ? nil : literalSpace.baseAddress,
          space: space.baseAddress, space_count: space.count)
        body(&encoder)
      }
    }
  }
}
