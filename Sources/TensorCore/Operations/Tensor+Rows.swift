import CKernels

/// Elements per task.
private let grain = 1 << 15

extension Tensor {
  /// The sum of two tensors of the same shape: a residual connection.
  public static func + (left: Tensor, right: Tensor) -> Tensor {
    left.adding(right, scaledBy: 1)
  }

  /// self + scale · other, of the same shape: a residual connection whose branch is scaled. A scale of 1 gives the bits
  /// of the sum.
  public func adding(_ other: Tensor, scaledBy scale: Float) -> Tensor {
    precondition(shape == other.shape, "sum of shapes \(shape) and \(other.shape)")
    let out = Tensor(uninitialized: shape, on: device)
    device.parallelRanges(count, grain: grain) { range in
      let start = range.lowerBound
      limbeck_add(out.pointer + start, pointer + start, other.pointer + start, scale, range.count)
    }
    return out.recorded(from: [self, other]) { gradient, nodes in
      nodes[0]?.add(gradient)
      nodes[1]?.add(gradient, scaledBy: scale)
    }
  }

  /// scale · self, where it lies if nobody else has its memory and no gradient is recorded.
  public consuming func scaled(by scale: Float) -> Tensor {
    if scale == 1 { return self }
    if recordsGradient { return scaledCopy(by: scale) }
    var out = self
    if !out.ownsItsMemory { return out.scaledCopy(by: scale) }
    out.device.parallelRanges(out.count, grain: grain) { range in
      limbeck_scale(out.pointer + range.lowerBound, scale, range.count)
    }
    return out
  }

  private func scaledCopy(by scale: Float) -> Tensor {
    let out = Tensor(uninitialized: shape, on: device)
    device.parallelRanges(count, grain: grain) { range in
      limbeck_scaled(out.pointer + range.lowerBound, pointer + range.lowerBound, scale, 0, range.count)
    }
    return out.recorded(from: [self]) { gradient, nodes in nodes[0]?.add(gradient, scaledBy: scale) }
  }

  /// The rows of this table [V, C] with the given ids, times a scale → [N, C]: an embedding.
  ///
  /// Every id must lie in 0..<V.
  public func embedding(_ ids: [Int32], scaledBy scale: Float = 1) -> Tensor {
    let out = gatheringRows(ids).scaled(by: scale)
    let channels = columns
    return out.recorded(from: [self]) { [device] gradient, nodes in
      guard let node = nodes[0] else { return }
      let table = node.accumulator()
      // each worker owns some columns of all rows, so that equal ids never meet
      device.parallelRanges(channels, grain: max(16, (channels + 7) / 8)) { range in
        for (row, id) in ids.enumerated() {
          limbeck_accumulate(
            table + Int(id) * channels + range.lowerBound, gradient.pointer + row * channels + range.lowerBound,
            scale, range.count)
        }
      }
    }
  }
}

extension Node {
  /// Adds a multiple of a tensor as a contribution.
  fileprivate func add(_ contribution: Tensor, scaledBy scale: Float) {
    if scale == 1 { return add(contribution) }
    let destination = destination()
    contribution.device.parallelRanges(contribution.count, grain: grain) { range in
      let start = range.lowerBound
      limbeck_scaled(
        destination.pointer + start, contribution.pointer + start, scale, destination.beta, range.count)
    }
  }
}
