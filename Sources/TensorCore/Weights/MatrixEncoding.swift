import CKernels

/// How the weights of a mapped matrix are kept.
public enum MatrixEncoding: Equatable, Sendable {
  /// One by one.
  case plain(WeightType)
  /// In quantised blocks, of which a row has a whole number.
  case blocks(BlockType)

  /// The bytes of a row of so many weights, which must be a multiple of the block's.
  public func rowBytes(columns: Int) -> Int {
    switch self {
    case .plain(let type): return columns * type.byteCount
    case .blocks(let type):
      precondition(columns % type.length == 0, "\(columns) columns in blocks of \(type.length)")
      return columns / type.length * type.byteCount
    }
  }
}

extension MatrixEncoding {
  /// Converts `count` weights, whole blocks, from any address on.
  func decode(_ weights: UnsafeRawPointer, _ count: Int, into floats: UnsafeMutablePointer<Float>) {
    switch self {
    case .plain(let type): type.decode(weights, count, into: floats)
    case .blocks(let type): type.decode(weights, count, into: floats, vectors: limbeck_best_vectors())
    }
  }

  /// Converts `bytes`, which hold whole blocks, into as many floats as they have weights.
  public func decode(_ bytes: RawSpan, into floats: inout MutableSpan<Float>) {
    let count = floats.count
    precondition(bytes.byteCount == rowBytes(columns: count), "\(bytes.byteCount) bytes for \(count) of \(self)")
    floats.withUnsafeMutableBufferPointer { target in
      bytes.withUnsafeBytes { source in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        decode(from, count, into: to)
      }
    }
  }
}
