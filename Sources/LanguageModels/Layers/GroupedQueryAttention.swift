import TensorCore

/// Queries [N, H·D], keys and values [N, K·D] of the rows of a forward pass: queries and keys normalised, where the
/// decoder normalises them, and before rotation.
struct AttentionProjections {
  let queries: Tensor
  let keys: Tensor
  let values: Tensor
}

/// Causal self-attention whose K key-value heads are each shared by H/K query heads (Ainslie et al. 2023), with rotary
/// positions (Su et al. 2021).
struct GroupedQueryAttention {
  let query: Linear
  let key: Linear
  let value: Linear
  let output: Linear
  let queryNorm: RMSNorm?
  let keyNorm: RMSNorm?
  let rule: AttentionRule
  let precision: ProductPrecision

  init(_ weights: LayerWeights) {
    query = weights.linear(.query)
    key = weights.linear(.key)
    value = weights.linear(.value)
    output = weights.linear(.output)
    queryNorm = weights.normIfDeclared(.queryNorm)
    keyNorm = weights.normIfDeclared(.keyNorm)
    rule = weights.configuration.attentionRule(ofLayer: weights.layer)
    precision = weights.precision
  }

  /// x [N, C] → queries [N, H·D], keys and values [N, K·D]
  func projections(of x: Tensor) -> AttentionProjections {
    let (queries, keys) = (query(x), key(x))
    return AttentionProjections(
      queries: queryNorm?(queries) ?? queries, keys: keyNorm?(keys) ?? keys, values: value(x))
  }

  /// Projections of N tokens → [N, C]; `rotations` of N rows, nil where positions are not told apart.
  func callAsFunction(
    _ projections: AttentionProjections, rotations: TokenRotations?, layout: TokenLayout, layer: Int,
    observe: ActivationObserver
  ) -> Tensor {
    observe(.queries(layer: layer), projections.queries)
    observe(.keys(layer: layer), projections.keys)
    observe(.values(layer: layer), projections.values)
    return attend(
      rotations.map(projections.queries.rotated) ?? projections.queries,
      rotations.map(projections.keys.rotated) ?? projections.keys, projections.values, layout: layout, layer: layer,
      observe: observe)
  }

  /// Rotated queries [N, H·D], rotated keys and values [N, K·D] → [N, C]
  private func attend(
    _ queries: Tensor, _ keys: Tensor, _ values: Tensor, layout: TokenLayout, layer: Int, observe: ActivationObserver
  ) -> Tensor {
    let mixed =
      switch layout {
      case .sequences(let lengths):
        queries.causalAttention(
          keys: keys, values: values, lengths: lengths, rule: rule, precision: precision)
      case .cached(let caches, let counts):
        queries.cachedAttention(
          keys: keys, values: values, caches: caches, counts: counts, layer: layer, rule: rule,
          precision: precision)
      }
    observe(.headOutputs(layer: layer), mixed)
    return output(mixed)
  }
}

extension DecoderConfiguration {
  /// What a layer's attention does with the products of queries and keys.
  func attentionRule(ofLayer layer: Int) -> AttentionRule {
    AttentionRule(headSize: headSize, scale: scoreScale, cap: attentionCap, window: attention[layer].window)
  }
}
