extension Tensor {
  /// What `segment` computes from this tensor, of whose steps only this tensor is kept: the backward pass computes them
  /// anew (Chen et al. 2016, arXiv 1604.06174), with the same bits, and goes back through them.
  ///
  /// Trainable parameters may be read inside; none need be. Where neither they nor this tensor want a gradient, nothing
  /// is computed twice.
  /// - Parameters:
  ///   - observe: receives the values that `segment` shows, in the forward pass alone. Gradients may be added to them.
  ///   - segment: computes a tensor of this one's shape from it. Called again, it must do the same. What it shows, it
  ///     shows to the observer that it is given.
  /// - Returns: what `segment` returns.
  public func recomputed<Site>(
    observe: (_ site: Site, _ value: Tensor) -> Void,
    _ segment: @escaping (_ input: Tensor, _ observe: (_ site: Site, _ value: Tensor) -> Void) -> Tensor
  ) -> Tensor {
    let shown = ShownGradients()
    let recomputation = Node(shape: shape, on: device, inputs: [node]) { [self] gradient in
      // what is added to this tensor's gradient is added there at once: the sums have the order, and so the bits, that
      // they have where everything is kept
      let pass = BackwardPass(above: node)
      var values: [Tensor] = []
      pass.add(gradient, to: segment(self) { _, value in values.append(value) })
      for (value, gradient) in zip(values, shown.gradients) {
        if let gradient { pass.add(gradient, to: value) }
      }
      values = []
      pass.run()
    }
    let output = segment(detached) { site, value in
      let wantsGradient = recordsGradient || value.recordsGradient
      observe(site, shown.append(value, from: wantsGradient ? recomputation : nil))
    }
    precondition(output.shape == shape, "a segment from \(shape) to \(output.shape)")
    guard recordsGradient || output.recordsGradient else { return output }
    return Tensor(shape: shape, storage: output.storage, device: device, node: recomputation)
  }
}

/// The gradients by what a segment shows, in that order: they wait here until its values exist again.
private final class ShownGradients {
  private(set) var gradients: [Tensor?] = []

  /// The next value, whose gradient comes here; it has none where there is no `segment` that reads it.
  func append(_ value: Tensor, from segment: Node?) -> Tensor {
    let place = gradients.count
    gradients.append(nil)
    guard let segment else { return value }
    let node = Node(shape: value.shape, on: value.device, inputs: [segment]) { [self] gradient in
      gradients[place] = gradient
      segment.requireGradient()
    }
    return Tensor(shape: value.shape, storage: value.storage, device: value.device, node: node)
  }
}
