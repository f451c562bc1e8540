import CKernels

/// Rows per chunk of work of the row operations: fixed, so that sums over rows have one order.
private let rowGrain = 64

extension Tensor {
  /// Root-mean-square normalisation (Zhang & Sennrich 2019) of each row, or of each of G parts of a row as long as the
  /// weight: gain · x / √(mean x² + ε), where the gain is the weight and an offset, 1 in Gemma.
  /// self [N, G·C], weight [C] → [N, G·C].
  public func rmsNorm(_ weight: Tensor, epsilon: Float, offset: Float = 0) -> Tensor {
    let (rows, channels) = (rows, weight.count)
    precondition(
      weight.shape.count == 1 && channels > 0 && columns.isMultiple(of: channels),
      "rmsNorm: weight \(weight.shape) for rows of \(columns)")
    let parts = columns / channels
    let out = Tensor(uninitialized: shape, on: device)
    let reciprocalRoots = Tensor(uninitialized: [rows * parts], on: device)
    device.parallelRanges(rows, grain: rowGrain) { range in
      for part in range.lowerBound * parts..<range.upperBound * parts {
        reciprocalRoots.pointer[part] = limbeck_rms_norm(
          out.pointer + part * channels, pointer + part * channels, weight.pointer, offset, epsilon, channels)
      }
    }
    return out.recorded(from: [self, weight]) { [device, detached, weight] gradient, nodes in
      let unwanted = Node.discarding(detached.count, for: nodes.prefix(1), on: device)
      let dInput = Node.destinations([nodes[0]], discarding: unwanted)[0]
      let chunks = (rows + rowGrain - 1) / rowGrain
      // each chunk sums its rows' weight gradients apart; the chunks are then added in order
      let partial = nodes[1] == nil ? nil : Tensor.zeros([chunks, channels], on: device)
      device.parallelRanges(rows, grain: rowGrain) { range in
        let sums = partial.map { $0.pointer + range.lowerBound / rowGrain * channels }
        for part in range.lowerBound * parts..<range.upperBound * parts {
          let place = part * channels
          limbeck_rms_norm_backward(
            dInput.pointer + place, sums, gradient.pointer + place, detached.pointer + place, weight.pointer, offset,
            reciprocalRoots.pointer[part], dInput.beta, channels)
        }
      }
      withExtendedLifetime(unwanted) {}
      if let node = nodes[1], let partial {
        let dWeight = node.accumulator()
        for chunk in 0..<chunks { limbeck_accumulate(dWeight, partial.pointer + chunk * channels, 1, channels) }
      }
    }
  }
}
