import TensorCore

/// One layer of the decoder: attention and feed-forward, each normalised before, in some families after, too, and added
/// to what came in, scaled.
struct DecoderBlock {
  let attentionNorm: RMSNorm
  let attention: GroupedQueryAttention
  let attentionPostNorm: RMSNorm?
  let feedForwardNorm: RMSNorm
  let feedForward: FeedForward
  let feedForwardPostNorm: RMSNorm?
  let residualScale: Float

  init(_ weights: LayerWeights) {
    attentionNorm = weights.norm(.attentionNorm)
    attention = GroupedQueryAttention(weights)
    attentionPostNorm = weights.normIfDeclared(.attentionPostNorm)
    feedForwardNorm = weights.norm(.feedForwardNorm)
    feedForward = FeedForward(weights)
    feedForwardPostNorm = weights.normIfDeclared(.feedForwardPostNorm)
    residualScale = weights.configuration.residualScale
  }

  /// x [N, C] → [N, C]; `projections` where they are known already.
  func callAsFunction(
    _ x: Tensor, projections: AttentionProjections?, rotations: TokenRotations?, layout: TokenLayout, layer: Int,
    observe: ActivationObserver
  ) -> Tensor {
    let mixed = attention(
      projections ?? self.projections(of: x, layer: layer, observe: observe), rotations: rotations, layout: layout,
      layer: layer, observe: observe)
    observe(.attentionOutput(layer: layer), mixed)
    let attended = x.adding(attentionPostNorm?(mixed) ?? mixed, scaledBy: residualScale)
    observe(.attended(layer: layer), attended)
    let feedForwardInput = feedForwardNorm(attended)
    observe(.feedForwardInput(layer: layer), feedForwardInput)
    let fed = feedForward(feedForwardInput, layer: layer, observe: observe)
    observe(.feedForwardOutput(layer: layer), fed)
    return attended.adding(feedForwardPostNorm?(fed) ?? fed, scaledBy: residualScale)
  }

  private func projections(of x: Tensor, layer: Int, observe: ActivationObserver) -> AttentionProjections {
    let attentionInput = attentionNorm(x)
    observe(.attentionInput(layer: layer), attentionInput)
    return attention.projections(of: attentionInput)
  }
}
