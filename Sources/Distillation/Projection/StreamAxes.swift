import TensorCore

/// The directions of a residual stream that stay. Row j of both matrices is axis u_j of the principal axes, with P =
/// U·diag(s) for what writes to the stream, and Rᵀ = U·diag(1/s) for what reads it.
struct StreamAxes {
  /// P [Cs, Ct].
  let writing: Tensor
  /// Rᵀ [Cs, Ct].
  let reading: Tensor
  /// U [Cs, Ct].
  private let axes: Tensor

  init(_ axes: [[Double]], stretch: [Float], on device: Device) {
    let all = Tensor(axes.flatMap { $0.map { Float($0) } }, shape: [axes.count, stretch.count], on: device)
    self.axes = all
    writing = all.scaled { stretch[$1] }
    reading = all.scaled { 1 / stretch[$1] }
  }

  /// The gains [Cs] of channels whose gains were these [Ct]: the root of the mean square along each axis, and not 0.
  func gains(_ whole: [Float]) -> [Float] {
    let squares = whole.map { $0 * $0 }
    return axes.withSpan { axes in
      (0..<self.axes.rows).map { row in
        var sum: Float = 0
        for column in squares.indices {
          let part = axes[row * squares.count + column]
          sum += part * part * squares[column]
        }
        return max(sum.squareRoot(), 1e-6)
      }
    }
  }

  /// How channels with these gains are written, where the channels that stay get gains of their own after it [Cs, Ct].
  func writing(through whole: [Float]) -> Tensor {
    let own = gains(whole)
    return writing.scaled { whole[$1] / own[$0] }
  }

  /// How channels with these gains are read, where those that stay had gains of their own before it [Cs, Ct].
  func reading(through whole: [Float]) -> Tensor {
    let own = gains(whole)
    return reading.scaled { whole[$1] / own[$0] }
  }
}

extension Tensor {
  /// A matrix with each element multiplied.
  fileprivate func scaled(_ factor: (_ row: Int, _ column: Int) -> Float) -> Tensor {
    let out = Tensor.zeros(shape, on: device)
    withSpan { source in
      out.withMutableSpan { target in
        for row in 0..<rows {
          for column in 0..<columns {
            target[row * columns + column] = source[row * columns + column] * factor(row, column)
          }
        }
      }
    }
    return out
  }
}
