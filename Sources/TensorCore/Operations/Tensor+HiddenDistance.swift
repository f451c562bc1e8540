import CKernels

/// How far a row of hidden states is from another of the same size.
public enum HiddenStateDistance: Sendable {
  /// 1 − s·t / √((s² + ε)·(t² + ε)), ε = 1e-12: `CosineEmbeddingLoss` of PyTorch, which DistilBERT uses.
  case cosine
  /// The mean of (s − t)² over the channels.
  case meanSquare
}

extension Tensor {
  /// The summed distance of chosen rows of this tensor [N, C] from those of `teacher` [N, C], with its gradient by this
  /// tensor for a `BackwardPass`.
  /// - Parameters:
  ///   - distance: how two rows are compared.
  ///   - teacher: what this tensor is compared with; no gradient flows there.
  ///   - rows: the rows that count, each once.
  ///   - scale: what the gradient is multiplied by.
  /// - Returns: the sum, not multiplied by `scale`, and the gradient [N, C], zero in the other rows.
  public func distance(
    _ distance: HiddenStateDistance, from teacher: Tensor, rows: [Int32], scale: Double
  ) -> (sum: Double, gradient: Tensor) {
    precondition(teacher.shape == shape, "hidden states \(shape) against \(teacher.shape)")
    let channels = columns
    let gradient = Tensor.zeros(shape, on: device)
    let values = Tensor(uninitialized: [rows.count], on: device)
    device.parallelRanges(rows.count, grain: 64) { range in
      for index in range {
        let row = Int(rows[index])
        precondition(row >= 0 && row < self.rows, "row \(row) of a tensor with \(self.rows) rows")
        let offset = row * channels
        values.pointer[index] = Self.rowDistance(
          distance, pointer + offset, teacher.pointer + offset, gradient: gradient.pointer + offset, channels, scale)
      }
    }
    return (values.withSpan { RowKernels.sum($0) }, gradient)
  }

  /// One row; `gradient` is zero before.
  private static func rowDistance(
    _ distance: HiddenStateDistance, _ student: UnsafePointer<Float>, _ teacher: UnsafePointer<Float>,
    gradient: UnsafeMutablePointer<Float>, _ count: Int, _ scale: Double
  ) -> Float {
    switch distance {
    case .cosine:
      let squares = limbeck_sum_of_squares(student, count) + 1e-12
      let root = (squares * (limbeck_sum_of_squares(teacher, count) + 1e-12)).squareRoot()
      let cosine = limbeck_dot(student, teacher, count) / root
      // the value is 1 − s·t/root, so d s = −t/root + cosine · s/s²
      limbeck_accumulate(gradient, teacher, Float(-scale / root), count)
      limbeck_accumulate(gradient, student, Float(scale * cosine / squares), count)
      return Float(1 - cosine)
    case .meanSquare:
      limbeck_accumulate(gradient, student, 1, count)
      limbeck_accumulate(gradient, teacher, -1, count)
      let value = limbeck_sum_of_squares(gradient, count) / Double(count)
      // the value is Σ (s − t)²/C, so d s = 2 (s − t)/C
      limbeck_scale(gradient, Float(2 * scale / Double(count)), count)
      return Float(value)
    }
  }
}
