import TensorCore

/// Which tokens the rows of a forward pass are, and what they may attend to.
enum TokenLayout {
  /// Sequences of these lengths, one after another, each from position 0.
  case sequences(lengths: [Int])
  /// New tokens of sequences with a past: `counts[s]` rows for `caches[s]`.
  case cached([KeyValueCache], counts: [Int])

  /// Where the rows of each sequence stand. One with a past is as long as its cache was made ready for, where that
  /// matters.
  var positions: [PositionedSequence] {
    switch self {
    case .sequences(let lengths): lengths.map { PositionedSequence(positions: 0..<$0, length: $0) }
    case .cached(let caches, let counts):
      zip(caches, counts).map { cache, count in
        PositionedSequence(
          positions: cache.length..<cache.length + count, length: cache.sequence?.rotatedLength ?? 0)
      }
    }
  }
}
