public import TensorCore

/// A place inside a decoder whose values can be observed during a forward pass. Layers count from 0.
public enum ActivationSite: Hashable, Sendable {
  /// What a layer's attention reads, the output of its norm [N, C].
  case attentionInput(layer: Int)
  /// What the heads of a layer's attention give, one after another, before the output projection mixes them [N, H·D].
  case headOutputs(layer: Int)
  /// What a layer's feed-forward network reads, the output of its norm [N, C].
  case feedForwardInput(layer: Int)
  /// The neurons of a layer's feed-forward network, silu(gate(x)) · up(x) [N, F].
  case neurons(layer: Int)
}

/// Receives the values at each site as a forward pass computes them.
public typealias ActivationObserver = (_ site: ActivationSite, _ value: Tensor) -> Void
