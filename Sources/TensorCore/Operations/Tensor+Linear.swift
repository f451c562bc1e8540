import CKernels

extension Tensor {
  /// self [N, I] · weightᵀ + bias → [N, O], weight [O, I], bias [O].
  ///
  /// The factors of this product, and of the two of its gradients, are rounded to `precision` first.
  public func linear(_ weight: WeightMatrix, bias: Tensor? = nil, precision: ProductPrecision = .float32) -> Tensor {
    precondition(
      weight.shape.count == 2 && weight.shape[1] == columns, "linear: \(shape) does not fit weight \(weight.shape)")
    let (rows, inputs, outputs) = (rows, columns, weight.shape[0])
    precondition(bias.map { $0.shape == [outputs] } ?? true, "linear: bias \(bias?.shape ?? []) for \(outputs) outputs")
    let out = Tensor(uninitialized: [rows, outputs], on: device)
    if let bias {
      for row in 0..<rows { (out.pointer + row * outputs).update(from: bias.pointer, count: outputs) }
    }
    MatrixProduct.timesTransposed(
      out.pointer, pointer, weight, rows: rows, adds: bias != nil, precision: precision, on: device)
    // only what gives a weight's gradient is kept
    let x = weight.node == nil ? nil : detached
    return out.recorded(from: [node, weight.node, bias?.node]) { [device, weight] gradient, nodes in
      if let node = nodes[0] {
        // in the forward pass: out = x · Wᵀ, so d x = d out · W
        let dx = node.destination()
        MatrixProduct.times(
          dx.pointer, gradient.pointer, weight, rows: rows, adds: dx.adds, precision: precision, on: device)
      }
      if rows > 0, let node = nodes[1], let x {
        // and d W = d outᵀ · x
        let dWeight = node.destination()
        MatrixProduct.transposedTimes(
          dWeight.pointer, gradient.pointer, x.pointer, rows: rows, outputs: outputs, inputs: inputs,
          adds: dWeight.adds, precision: precision, on: device)
      }
      if let node = nodes[2] {
        let dBias = node.accumulator()
        for row in 0..<rows { limbeck_accumulate(dBias, gradient.pointer + row * outputs, 1, outputs) }
      }
    }
  }

  /// As above, of a weight that is a tensor.
  public func linear(_ weight: Tensor, bias: Tensor? = nil, precision: ProductPrecision = .float32) -> Tensor {
    linear(.dense(weight), bias: bias, precision: precision)
  }

  /// This tensor with a node, if any of `inputs` records gradients. `backward` receives the gradient of the output and
  /// the node of each input, nil where none is wanted.
  func recorded(
    from inputs: [Tensor?], backward: @escaping (_ gradient: Tensor, _ nodes: [Node?]) -> Void
  ) -> Tensor {
    recorded(from: inputs.map { $0?.node }, backward: backward)
  }

  /// As above, from nodes.
  func recorded(
    from nodes: [Node?], backward: @escaping (_ gradient: Tensor, _ nodes: [Node?]) -> Void
  ) -> Tensor {
    guard nodes.contains(where: { $0 != nil }) else { return self }
    let node = Node(shape: shape, on: device, inputs: nodes) { backward($0, nodes) }
    return Tensor(shape: shape, storage: storage, device: device, node: node)
  }
}
