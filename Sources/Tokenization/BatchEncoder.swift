import CSentencePiece

/// What turns text into ids: libsentencepiece, and `UnigramEncoder` in its place where that can be.
struct BatchEncoder: Sendable {
  /// Encodes texts that begin.
  let start: Processor
  /// Encodes text that goes on from other text: without a dummy prefix.
  let inner: Processor
  /// Encodes what `inner` would, with the same ids.
  let unigram: UnigramEncoder?
  /// The ids that stand for U+2581, where it is to be told from a space.
  let literalSpace: [Int32]?

  /// Encodes `batch`; where its texts' ids end is returned beside them.
  func encode(_ batch: TextBatch, threads: Int) -> (ids: [Int32], ends: [Int]) {
    guard !batch.ends.isEmpty else { return ([], []) }
    var ids: UnsafeMutablePointer<Int32>?
    var message: UnsafeMutablePointer<CChar>?
    var status: Int32 = 0
    let idEnds = [Int](unsafeUninitializedCapacity: batch.ends.count) { idEnds, count in
      withEncoder { encoder in
        idEnds.withMemoryRebound(to: UInt.self) { idEnds in
          batch.ends.withUnsafeBufferPointer { ends in
            ends.withMemoryRebound(to: UInt.self) { ends in
              status = sentencepiece_encode(
                encoder, batch.bytes, ends.baseAddress, batch.startsText, ends.count, threads, &ids,
                idEnds.baseAddress, &message)
            }
          }
        }
      }
      count = status == 0 ? batch.ends.count : 0
    }
    defer { sentencepiece_free(ids) }
    // A sound model encodes every text; what is left is lack of memory.
    precondition(status == 0, "libsentencepiece cannot encode: \(takenText(message))")
    return (Array(UnsafeBufferPointer(start: ids, count: idEnds.last ?? 0)), idEnds)
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

/// Encodes by a unigram model that leaves text as it is, with libsentencepiece's ids but several times as fast.
// What the pointer points to is only read after `init`.
final class UnigramEncoder: @unchecked Sendable {
  private static let longestPiece = 1024

  fileprivate let pointer: OpaquePointer

  /// `nil` for a model that needs libsentencepiece.
  init?(_ proto: ModelProto) {
    let normalizer = proto.normalizer
    guard
      proto.modelType == 1, !proto.whitespaceIsSuffix, normalizer.charactersMap.isEmpty, normalizer.escapesWhitespace,
      !normalizer.removesExtraWhitespace, proto.pieces.allSatisfy({ $0.utf8.count <= Self.longestPiece })
    else { return nil }
    var bytes: [UInt8] = []
    var ends: [Int] = []
    for piece in proto.pieces {
      bytes += piece.utf8
      ends.append(bytes.count)
    }
    var made: OpaquePointer?
    var message: UnsafeMutablePointer<CChar>?
    let kinds = proto.kinds.map(\.rawValue)
    let status = bytes.withUnsafeBufferPointer { bytes in
      ends.withUnsafeBufferPointer { ends in
        proto.scores.withUnsafeBufferPointer { scores in
          kinds.withUnsafeBufferPointer { kinds in
            var pieces = sentencepiece_pieces(
              bytes: bytes.baseAddress, ends: ends.baseAddress, scores: scores.baseAddress, kinds: kinds.baseAddress,
              count: kinds.count)
            return sentencepiece_unigram_make(&pieces, &made, &message)
          }
        }
      }
    }
    // All that can be lacking is memory.
    guard status == 0, let made else { preconditionFailure("cannot prepare to encode: \(takenText(message))") }
    pointer = made
  }

  deinit { sentencepiece_unigram_release(pointer) }
}

/// Texts to encode, one after another, each a whole text or a part of one.
struct TextBatch {
  var bytes: [UInt8] = []
  /// Where each text ends in `bytes`.
  var ends: [Int] = []
  /// 1 where a whole text starts, 0 where one goes on.
  var startsText: [UInt8] = []
}
