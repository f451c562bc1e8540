import CSentencePiece

/// Encodes by a unigram model that leaves text as it is, with libsentencepiece's ids but several times as fast.
// What the pointer points to is only read after `init`.
final class UnigramEncoder: @unchecked Sendable {
  private static let longestPiece = 1024

  let pointer: OpaquePointer

  /// `nil` for a model that needs libsentencepiece.
  init?(_ proto: ModelProto) {
    let normalizer = proto.normalizer
    guard
      proto.modelType == 1, !proto.whitespaceIsSuffix, normalizer.charactersMap.isEmpty, normalizer.escapesWhitespace,
      !normalizer.removesExtraWhitespace,
      (0..<proto.pieces.count).allSatisfy({ proto.pieces.bytes(at: $0).count <= Self.longestPiece })
    else { return nil }
    var made: OpaquePointer?
    var message: UnsafeMutablePointer<CChar>?
    let kinds = proto.kinds.map(\.rawValue)
    let status = proto.pieces.bytes.withUnsafeBufferPointer { bytes in
      proto.pieces.ends.withUnsafeBufferPointer { ends in
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
