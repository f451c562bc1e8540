import TensorCore

/// One layer of the decoder: attention and feed-forward, each normalised before and added to what came in.
struct DecoderBlock {
  let attentionNorm: RMSNorm
  let attention: GroupedQueryAttention
  let feedForwardNorm: RMSNorm
  let feedForward: FeedForward

  init(_ weights: LayerWeights) {
    attentionNorm = weights.norm(.attentionNorm)
    attention = GroupedQueryAttention(weights)
    feedForwardNorm = weights.norm(.feedForwardNorm)
    feedForward = FeedForward(weights)
  }

  /// x [N, C] → [N, C]; `projections` where they are known already.
  func callAsFunction(
    _ x: Tensor, projections: AttentionProjections?, rotary: RotaryEmbedding, positions: [Int32], layout: TokenLayout,
    layer: Int, observe: ActivationObserver
  ) -> Tensor {
    let attended =
      x
      + attention(
        projections ?? self.projections(of: x, layer: layer, observe: observe), rotary: rotary, positions: positions,
        layout: layout, layer: layer, observe: observe)
    let feedForwardInput = feedForwardNorm(attended)
    observe(.feedForwardInput(layer: layer), feedForwardInput)
    return attended + feedForward(feedForwardInput, layer: layer, observe: observe)
  }

  private func projections(of x: Tensor, layer: Int, observe: ActivationObserver) -> AttentionProjections {
    let attentionInput = attentionNorm(x)
    observe(.attentionInput(layer: layer), attentionInput)
    return attention.projections(of: attentionInput)
  }
}
