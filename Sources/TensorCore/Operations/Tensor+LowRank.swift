import CKernels

extension Tensor {
  /// self [N, O] + low [N, R] · upᵀ, up [O, R]: what a low-rank adapter adds to the output of a linear map. In the
  /// memory of self where nobody else has it.
  ///
  /// The factors of this product, and of the two of its gradients, are rounded to `precision` first.
  public consuming func adding(_ low: Tensor, timesTransposed up: Tensor, precision: ProductPrecision) -> Tensor {
    precondition(
      up.shape.count == 2 && low.columns == up.columns && columns == up.rows && rows == low.rows,
      "\(shape) + \(low.shape) · \(up.shape)ᵀ")
    var base = self
    let (rows, outputs, rank, node) = (base.rows, base.columns, low.columns, base.node)
    let device = base.device
    if !base.ownsItsMemory { base = base.copy() }
    MatrixProduct.timesTransposed(
      base.pointer, low.pointer, .dense(up), rows: rows, adds: true, precision: precision, on: device)
    let (low, up, nodes) = (low.detached, up.detached, [node, low.node, up.node])
    return base.detached.recorded(from: nodes) { gradient, nodes in
      // in the forward pass: out = base + low · Uᵀ, so d base = d out, d low = d out · U and d U = d outᵀ · low
      nodes[0]?.add(gradient)
      if let node = nodes[1] {
        let dLow = node.destination()
        MatrixProduct.times(
          dLow.pointer, gradient.pointer, .dense(up), rows: rows, adds: dLow.adds, precision: precision, on: device)
      }
      if rows > 0, let node = nodes[2] {
        let dUp = node.destination()
        MatrixProduct.transposedTimes(
          dUp.pointer, gradient.pointer, low.pointer, rows: rows, outputs: outputs, inputs: rank, adds: dUp.adds,
          precision: precision, on: device)
      }
    }
  }

  /// self [O, I] + scale · up [O, R] · down [R, I]: a weight with its low-rank adapter merged in. No gradient flows
  /// through it.
  public func merging(down: Tensor, up: Tensor, scale: Float) -> Tensor {
    precondition(
      shape.count == 2 && up.shape == [rows, down.rows] && down.columns == columns,
      "\(shape) + \(up.shape) · \(down.shape)")
    let out = copy()
    let scaled = up.detached.scaled(by: scale)
    MatrixProduct.times(
      out.pointer, scaled.pointer, .dense(down.detached), rows: rows, adds: true, precision: .float32, on: device)
    withExtendedLifetime(scaled) {}
    return out
  }

  /// The same elements in memory of their own; it records nothing.
  private func copy() -> Tensor {
    let copy = Tensor(uninitialized: shape, on: device)
    device.parallelRanges(count, grain: 1 << 16) { range in
      (copy.pointer + range.lowerBound).update(from: pointer + range.lowerBound, count: range.count)
    }
    return copy
  }
}
