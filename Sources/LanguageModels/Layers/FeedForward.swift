import TensorCore

/// The gated feed-forward network down(activation(gate(x)) · up(x)) (Shazeer 2020).
struct FeedForward {
  let gate: Linear
  let up: Linear
  let down: Linear
  let activation: GateActivation

  init(_ weights: LayerWeights) {
    gate = weights.linear(.gate)
    up = weights.linear(.up)
    down = weights.linear(.down)
    activation = weights.configuration.activation
  }

  /// x [N, C] → [N, C]
  func callAsFunction(_ x: Tensor, layer: Int, observe: ActivationObserver) -> Tensor {
    let neurons = gate(x).gated(by: activation, up: up(x))
    observe(.neurons(layer: layer), neurons)
    return down(neurons)
  }
}
