public import TensorCore

/// A place inside a decoder whose values can be observed during a forward pass. Layers count from 0.
public enum ActivationSite: Hashable, Sendable {
  /// What the first layer reads, the embeddings of the ids, scaled [N, C].
  case embedding
  /// What a layer adds up to, before any norm [N, C].
  case layerOutput(layer: Int)
  /// The queries of a layer's attention, normalised where the decoder normalises them, before the rotary embedding
  /// [N, H·D]: what attention compares but for positions.
  case queries(layer: Int)
  /// The keys of a layer's attention, as the queries are, before the rotary embedding [N, K·D].
  case keys(layer: Int)
  /// The values of a layer's attention [N, K·D].
  case values(layer: Int)
  /// What a layer's attention reads, the output of its norm [N, C].
  case attentionInput(layer: Int)
  /// What the heads of a layer's attention give, one after another, before the output projection mixes them [N, H·D].
  case headOutputs(layer: Int)
  /// What a layer's attention gives, before any norm after it [N, C].
  case attentionOutput(layer: Int)
  /// The residual stream after a layer's attention was added to it, before any norm [N, C].
  case attended(layer: Int)
  /// What a layer's feed-forward network reads, the output of its norm [N, C].
  case feedForwardInput(layer: Int)
  /// The neurons of a layer's feed-forward network, activation(gate(x)) · up(x) [N, F].
  case neurons(layer: Int)
  /// What a layer's feed-forward network gives, before any norm after it [N, C].
  case feedForwardOutput(layer: Int)
}

/// Receives the values at each site as a forward pass computes them.
public typealias ActivationObserver = (_ site: ActivationSite, _ value: Tensor) -> Void
