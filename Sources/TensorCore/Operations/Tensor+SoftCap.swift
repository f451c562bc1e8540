import CKernels

extension Tensor {
  /// cap · tanh(self / cap), element by element (Gemma 2, arXiv 2408.00118): all lie within ±cap.
  public func softCapped(at cap: Float) -> Tensor {
    precondition(cap > 0, "a soft cap of \(cap)")
    let out = Tensor(uninitialized: shape, on: device)
    let slopes = Tensor(uninitialized: [recordsGradient ? count : 0], on: device)
    let grain = 1 << 14
    device.parallelRanges(count, grain: grain) { range in
      let start = range.lowerBound
      (out.pointer + start).update(from: pointer + start, count: range.count)
      if recordsGradient {
        limbeck_soft_cap_slopes(out.pointer + start, slopes.pointer + start, cap, range.count)
      } else {
        limbeck_soft_cap(out.pointer + start, 1, cap, range.count)
      }
    }
    return out.recorded(from: [self]) { [device, count] gradient, nodes in
      guard let destination = nodes[0]?.destination() else { return }
      device.parallelRanges(count, grain: grain) { range in
        let start = range.lowerBound
        limbeck_multiply(
          destination.pointer + start, gradient.pointer + start, slopes.pointer + start, destination.beta, range.count)
      }
    }
  }
}
