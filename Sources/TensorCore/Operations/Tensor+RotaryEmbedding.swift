import CKernels

/// The angles by which the rows of a pass are turned: those of each row's position, of whichever tables.
///
/// Invariant: `rows` has the address of a row's cosines, with its sines behind them, in one of `embeddings`, whose
/// tables stay where they are as long as this value lives.
public struct TokenRotations {
  let headSize: Int
  /// The pairs of a head that are turned.
  let pairs: Int
  fileprivate private(set) var rows: [UnsafePointer<Float>] = []
  private var embeddings: [RotaryEmbedding] = []

  /// Those of no rows yet, for heads of the embedding's size.
  public init(of embedding: RotaryEmbedding) {
    headSize = embedding.headSize
    pairs = embedding.pairs
  }

  /// Those of rows at the given positions.
  public init(_ positions: [Int32], by embedding: RotaryEmbedding) {
    self.init(of: embedding)
    for position in positions { append(Int(position)..<Int(position) + 1, by: embedding) }
  }

  /// Adds rows at consecutive positions, which turn by the angles of an embedding of equal sizes.
  public mutating func append(_ positions: Range<Int>, by embedding: RotaryEmbedding) {
    precondition(
      embedding.headSize == headSize && embedding.pairs == pairs,
      "\(embedding.pairs) pairs of heads of \(embedding.headSize) beside \(pairs) of \(headSize)")
    embedding.appendRows(at: positions, to: &rows)
    if embeddings.last !== embedding { embeddings.append(embedding) }
  }
}

extension Tensor {
  /// Each head of each row turned by the angles of its position, rotate-half order within the channels that are turned:
  /// self [N, H·D], with as many rotations.
  public func rotated(by rotations: TokenRotations) -> Tensor {
    precondition(
      columns % rotations.headSize == 0 && rotations.rows.count == rows,
      "rotated: shape \(shape) for heads of \(rotations.headSize) and \(rotations.rows.count) rows")
    let out = Tensor(uninitialized: shape, on: device)
    rotate(into: out.pointer, beta: 0, direction: 1, rotations)
    return out.recorded(from: [self]) { gradient, nodes in
      guard let destination = nodes[0]?.destination() else { return }
      // in the forward pass: out = a·R·x with R orthogonal, so d x = a·Rᵀ·d out, the rotation back
      gradient.rotate(into: destination.pointer, beta: destination.beta, direction: -1, rotations)
    }
  }

  private func rotate(
    into out: UnsafeMutablePointer<Float>, beta: Float, direction: Float, _ rotations: TokenRotations
  ) {
    let (columns, pairs, headSize) = (columns, rotations.pairs, rotations.headSize)
    rotations.rows.withUnsafeBufferPointer { angles in
      device.parallelRanges(rows, grain: 64) { range in
        for row in range {
          limbeck_rotate_half(
            out + row * columns, pointer + row * columns, angles[row], angles[row] + pairs, columns / headSize, pairs,
            headSize, direction, beta)
        }
      }
    }
    withExtendedLifetime(rotations) {}
  }
}
