import CKernels

/// Rows per chunk of work of the row operations: fixed, so that sums over rows have one order.
private let rowGrain = 64

extension Tensor {
  /// Root-mean-square normalisation of each row (Zhang & Sennrich 2019): weight · x / √(mean x² + ε).
  /// self [N, C], weight [C] → [N, C].
  public func rmsNorm(_ weight: Tensor, epsilon: Float) -> Tensor {
    let (rows, channels) = (rows, columns)
    precondition(weight.shape == [channels], "rmsNorm: weight \(weight.shape) for rows of \(channels)")
    let out = Tensor(uninitialized: shape, on: device)
    let reciprocalRoots = Tensor(uninitialized: [rows], on: device)
    device.parallelRanges(rows, grain: rowGrain) { range in
      for row in range {
        reciprocalRoots.pointer[row] = limbeck_rms_norm(
          out.pointer + row * channels, pointer + row * channels, weight.pointer, epsilon, channels)
      }
    }
    return out.recorded(from: [self, weight]) { [device, detached, weight] gradient, nodes in
      let unwanted = Node.discarding(rows * channels, for: nodes.prefix(1), on: device)
      let dInput = Node.destinations([nodes[0]], discarding: unwanted)[0]
      let chunks = (rows + rowGrain - 1) / rowGrain
      // each chunk sums its rows' weight gradients apart; the chunks are then added in order
      let partial = nodes[1] == nil ? nil : Tensor.zeros([chunks, channels], on: device)
      device.parallelRanges(rows, grain: rowGrain) { range in
        let sums = partial.map { $0.pointer + range.lowerBound / rowGrain * channels }
        for row in range {
          let offset = row * channels
          limbeck_rms_norm_backward(
            dInput.pointer + offset, sums, gradient.pointer + offset, detached.pointer + offset, weight.pointer,
            reciprocalRoots.pointer[row], dInput.beta, channels)
        }
      }
      withExtendedLifetime(unwanted) {}
      if let node = nodes[1], let partial {
        let dWeight = node.accumulator()
        for chunk in 0..<chunks { limbeck_accumulate(dWeight, partial.pointer + chunk * channels, 1, channels) }
      }
    }
  }

  /// SwiGLU (Shazeer 2020): silu(self) · up, element by element. self, up [N, F] → [N, F].
  ///
  /// Takes over the memory of self where nobody else has it and no gradient is recorded: [N, F] is the widest thing
  /// that a layer makes.
  public consuming func swiGLU(_ up: Tensor) -> Tensor {
    precondition(shape == up.shape, "swiGLU: gate \(shape) and up \(up.shape) differ")
    if !recordsGradient, !up.recordsGradient {
      var gate = self
      if gate.ownsItsMemory {
        gate.device.parallelRanges(gate.count, grain: 1 << 14) { range in
          let start = range.lowerBound
          limbeck_swiglu_in_place(gate.pointer + start, up.pointer + start, range.count)
        }
        return gate
      }
      return gate.swiGLUInMemoryOfItsOwn(up)
    }
    return swiGLUInMemoryOfItsOwn(up)
  }

  private func swiGLUInMemoryOfItsOwn(_ up: Tensor) -> Tensor {
    let out = Tensor(uninitialized: shape, on: device)
    device.parallelRanges(count, grain: 1 << 14) { range in
      let start = range.lowerBound
      limbeck_swiglu(out.pointer + start, pointer + start, up.pointer + start, range.count)
    }
    return out.recorded(from: [self, up]) { [device, detached, count] gradient, nodes in
      let unwanted = Node.discarding(count, for: nodes[...], on: device)
      let destinations = Node.destinations(nodes, discarding: unwanted)
      let (dGate, dUp) = (destinations[0], destinations[1])
      device.parallelRanges(count, grain: 1 << 14) { range in
        let start = range.lowerBound
        limbeck_swiglu_backward(
          dGate.pointer + start, dUp.pointer + start, gradient.pointer + start, detached.pointer + start,
          up.pointer + start, dGate.beta, dUp.beta, range.count)
      }
      withExtendedLifetime(unwanted) {}
    }
  }

  /// The sum of two tensors of the same shape: a residual connection.
  public static func + (left: Tensor, right: Tensor) -> Tensor {
    precondition(left.shape == right.shape, "sum of shapes \(left.shape) and \(right.shape)")
    let out = Tensor(uninitialized: left.shape, on: left.device)
    left.device.parallelRanges(left.count, grain: 1 << 15) { range in
      let start = range.lowerBound
      limbeck_add(out.pointer + start, left.pointer + start, right.pointer + start, range.count)
    }
    return out.recorded(from: [left, right]) { gradient, nodes in
      nodes[0]?.add(gradient)
      nodes[1]?.add(gradient)
    }
  }

  /// The rows of this table [V, C] with the given ids → [N, C]: an embedding.
  ///
  /// Every id must lie in 0..<V.
  public func embedding(_ ids: [Int32]) -> Tensor {
    let out = gatheringRows(ids)
    let channels = columns
    return out.recorded(from: [self]) { [device] gradient, nodes in
      guard let node = nodes[0] else { return }
      let table = node.accumulator()
      // each worker owns some columns of all rows, so that equal ids never meet
      let grain = max(16, (channels + 7) / 8)
      device.parallelRanges(channels, grain: grain) { range in
        for (row, id) in ids.enumerated() {
          limbeck_accumulate(
            table + Int(id) * channels + range.lowerBound, gradient.pointer + row * channels + range.lowerBound, 1,
            range.count)
        }
      }
    }
  }
}
