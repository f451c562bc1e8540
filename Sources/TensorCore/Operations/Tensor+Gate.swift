import CKernels

/// Elements per task.
private let grain = 1 << 14

extension Tensor {
  /// The gate of a feed-forward network (Shazeer 2020): activation(self) · up, element by element.
  /// self, up [N, F] → [N, F].
  ///
  /// Takes over the memory of self where nobody else has it and no gradient is recorded: [N, F] is the widest thing
  /// that a layer makes.
  public consuming func gated(by activation: GateActivation, up: Tensor) -> Tensor {
    precondition(shape == up.shape, "gated: gate \(shape) and up \(up.shape) differ")
    if !recordsGradient, !up.recordsGradient {
      var gate = self
      if gate.ownsItsMemory {
        gate.device.parallelRanges(gate.count, grain: grain) { range in
          let start = range.lowerBound
          activation.gateInPlace(gate.pointer + start, up.pointer + start, range.count)
        }
        return gate
      }
      return gate.gatedInMemoryOfItsOwn(by: activation, up: up)
    }
    return gatedInMemoryOfItsOwn(by: activation, up: up)
  }

  private func gatedInMemoryOfItsOwn(by activation: GateActivation, up: Tensor) -> Tensor {
    let out = Tensor(uninitialized: shape, on: device)
    device.parallelRanges(count, grain: grain) { range in
      let start = range.lowerBound
      activation.gate(out.pointer + start, pointer + start, up.pointer + start, range.count)
    }
    return out.recorded(from: [self, up]) { [device, detached, count] gradient, nodes in
      let unwanted = Node.discarding(count, for: nodes[...], on: device)
      let destinations = Node.destinations(nodes, discarding: unwanted)
      let (dGate, dUp) = (destinations[0], destinations[1])
      device.parallelRanges(count, grain: grain) { range in
        let start = range.lowerBound
        activation.gateBackward(
          dGate.from(start), dUp.from(start), gradient.pointer + start, detached.pointer + start, up.pointer + start,
          range.count)
      }
      withExtendedLifetime(unwanted) {}
    }
  }
}

extension GateActivation {
  fileprivate func gate(
    _ out: UnsafeMutablePointer<Float>, _ gate: UnsafePointer<Float>, _ up: UnsafePointer<Float>, _ count: Int
  ) {
    switch self {
    case .silu: limbeck_swiglu(out, gate, up, count)
    case .geluTanh: limbeck_geglu(out, gate, up, count)
    }
  }

  // with out == gate the kernels above would find that their memory overlaps, and leave their vectors
  fileprivate func gateInPlace(_ gate: UnsafeMutablePointer<Float>, _ up: UnsafePointer<Float>, _ count: Int) {
    switch self {
    case .silu: limbeck_swiglu_in_place(gate, up, count)
    case .geluTanh: limbeck_geglu_in_place(gate, up, count)
    }
  }

  fileprivate func gateBackward(
    _ dGate: GradientDestination, _ dUp: GradientDestination, _ dOut: UnsafePointer<Float>,
    _ gate: UnsafePointer<Float>, _ up: UnsafePointer<Float>, _ count: Int
  ) {
    switch self {
    case .silu: limbeck_swiglu_backward(dGate.pointer, dUp.pointer, dOut, gate, up, dGate.beta, dUp.beta, count)
    case .geluTanh: limbeck_geglu_backward(dGate.pointer, dUp.pointer, dOut, gate, up, dGate.beta, dUp.beta, count)
    }
  }
}
