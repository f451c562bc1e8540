/// Products of two matrices as they are, in float32; no gradient flows through them.
extension Tensor {
  /// self [M, K] · other [K, N] → [M, N]
  public func times(_ other: Tensor) -> Tensor {
    precondition(shape.count == 2 && other.shape.count == 2 && columns == other.rows, "\(shape) · \(other.shape)")
    let out = Tensor(uninitialized: [rows, other.columns], on: device)
    MatrixProduct.times(
      out.pointer, pointer, .dense(other.detached), rows: rows, adds: false, precision: .float32, on: device)
    return out
  }

  /// selfᵀ [M, K] · other [K, N] → [M, N], self [K, M], K ≥ 1
  public func transposedTimes(_ other: Tensor) -> Tensor {
    precondition(
      shape.count == 2 && other.shape.count == 2 && rows == other.rows && rows > 0, "\(shape)ᵀ · \(other.shape)")
    let out = Tensor(uninitialized: [columns, other.columns], on: device)
    MatrixProduct.transposedTimes(
      out.pointer, pointer, other.pointer, rows: rows, outputs: columns, inputs: other.columns, adds: false,
      precision: .float32, on: device)
    return out
  }
}
