/// One way back from a loss to the parameters.
///
/// Each part of the loss adds its gradient by the tensors that it was computed from; `run` then carries all of them on
/// through what was recorded. What several tensors were computed from is gone through once, when their gradients have
/// met there; what was recorded is released on the way.
public final class BackwardPass {
  private var outputs: [Node] = []
  /// Where the pass ends: what this tensor was computed from is left to another pass.
  private let boundary: Node?

  /// A pass without gradients.
  public init() { boundary = nil }

  /// A pass that adds to the gradient of `boundary`, if it gets there, and goes no further.
  init(above boundary: Node?) { self.boundary = boundary }

  /// Adds the gradient of a part of the loss by `tensor`, of its shape; of a tensor that records nothing it is dropped.
  public func add(_ gradient: Tensor, to tensor: Tensor) {
    precondition(
      gradient.shape == tensor.shape, "a gradient of shape \(gradient.shape) for a tensor of shape \(tensor.shape)")
    guard let node = tensor.node else { return }
    outputs.append(node)
    node.add(gradient.detached)
  }

  /// Where to write the gradient of a part of the loss by `weight`, in place of a tensor to be added; nil where nobody
  /// wants it.
  func destination(of weight: WeightMatrix) -> GradientDestination? {
    guard let node = weight.node else { return nil }
    outputs.append(node)
    return node.destination()
  }

  /// Carries the gradients to every trainable parameter that the tensors were computed from, adding to the gradients
  /// there; once per pass.
  public func run() {
    for node in Node.inTopologicalOrder(of: outputs, above: boundary).reversed() { node.propagate() }
    outputs = []
  }
}

extension Tensor {
  /// Carries `gradient`, the derivative of some scalar by this tensor, back to every trainable parameter that this
  /// tensor was computed from, adding to their gradients. What was recorded is released on the way: once per tensor.
  public func backward(from gradient: Tensor) {
    let pass = BackwardPass()
    pass.add(gradient, to: self)
    pass.run()
  }
}

extension Node {
  /// All nodes from which the given ones were computed, and these: inputs before the nodes that read them. `boundary`
  /// is left out, and what only it was computed from.
  fileprivate static func inTopologicalOrder(of outputs: [Node], above boundary: Node?) -> [Node] {
    var order: [Node] = []
    var visited: Set<ObjectIdentifier> = boundary.map { [ObjectIdentifier($0)] } ?? []
    for output in outputs where visited.insert(ObjectIdentifier(output)).inserted {
      output.visitInputs(&visited, &order)
    }
    return order
  }

  private func visitInputs(_ visited: inout Set<ObjectIdentifier>, _ order: inout [Node]) {
    var stack: [(node: Node, next: Int)] = [(self, 0)]
    while let (node, next) = stack.last {
      if next == node.inputs.count {
        order.append(node)
        stack.removeLast()
      } else {
        stack[stack.count - 1].next += 1
        let input = node.inputs[next]
        if visited.insert(ObjectIdentifier(input)).inserted { stack.append((input, 0)) }
      }
    }
  }
}
