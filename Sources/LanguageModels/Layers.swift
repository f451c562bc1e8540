import TensorCore

/// A linear map x · Wᵀ + b: `weight` [outputs, inputs], optional `bias` [outputs].
struct Linear {
  let weight: Parameter
  let bias: Parameter?
  let precision: ProductPrecision

  init(
    _ inputs: Int, _ outputs: Int, bias: Bool, standardDeviation: Float, precision: ProductPrecision,
    in scope: ParameterScope
  ) {
    self.precision = precision
    weight = scope.parameter(
      "weight", [outputs, inputs], .normal(standardDeviation: standardDeviation), decays: true)
    self.bias = bias ? scope.parameter("bias", [outputs], .zeros, decays: false) : nil
  }

  /// x [N, inputs] → [N, outputs]
  func callAsFunction(_ x: Tensor) -> Tensor { x.linear(weight.matrix, bias: bias?.value, precision: precision) }
}

/// Root-mean-square normalisation with a learned gain (Zhang & Sennrich 2019).
struct RMSNorm {
  let weight: Parameter
  let epsilon: Float

  init(_ channels: Int, epsilon: Float, in scope: ParameterScope) {
    weight = scope.parameter("weight", [channels], .ones, decays: false)
    self.epsilon = epsilon
  }

  /// x [N, C] → [N, C]
  func callAsFunction(_ x: Tensor) -> Tensor { x.rmsNorm(weight.value, epsilon: epsilon) }
}

/// Which tokens the rows of a forward pass are, and what they may attend to.
enum TokenLayout {
  /// B sequences of T tokens each, from position 0.
  case sequences(batchSize: Int)
  /// New tokens of sequences with a past: `counts[s]` rows for `caches[s]`.
  case cached([KeyValueCache], counts: [Int])
}

/// Queries [N, H·D], keys and values [N, K·D] of the rows of a forward pass, before rotation.
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
  let headSize: Int
  let precision: ProductPrecision

  init(_ configuration: DecoderConfiguration, precision: ProductPrecision, in scope: ParameterScope) {
    let channels = configuration.hiddenSize
    func linear(_ inputs: Int, _ outputs: Int, _ deviation: Float, _ name: String) -> Linear {
      Linear(
        inputs, outputs, bias: configuration.attentionBias, standardDeviation: deviation, precision: precision,
        in: scope(name))
    }
    headSize = configuration.headSize
    self.precision = precision
    let queries = configuration.headCount * headSize
    let keys = configuration.keyValueHeadCount * headSize
    query = linear(channels, queries, configuration.initializerRange, "q_proj")
    key = linear(channels, keys, configuration.initializerRange, "k_proj")
    value = linear(channels, keys, configuration.initializerRange, "v_proj")
    output = linear(queries, channels, configuration.residualDeviation, "o_proj")
  }

  /// x [N, C] → queries [N, H·D], keys and values [N, K·D]
  func projections(of x: Tensor) -> AttentionProjections {
    AttentionProjections(queries: query(x), keys: key(x), values: value(x))
  }

  /// Projections of N tokens → [N, C]; `positions` [N].
  func callAsFunction(
    _ projections: AttentionProjections, rotary: RotaryEmbedding, positions: [Int32], layout: TokenLayout, layer: Int,
    observe: ActivationObserver
  ) -> Tensor {
    observe(.queries(layer: layer), projections.queries)
    observe(.keys(layer: layer), projections.keys)
    observe(.values(layer: layer), projections.values)
    return attend(
      projections.queries.rotated(by: rotary, positions: positions),
      projections.keys.rotated(by: rotary, positions: positions), projections.values, layout: layout, layer: layer,
      observe: observe)
  }

  /// Rotated queries [N, H·D], rotated keys and values [N, K·D] → [N, C]
  private func attend(
    _ queries: Tensor, _ keys: Tensor, _ values: Tensor, layout: TokenLayout, layer: Int, observe: ActivationObserver
  ) -> Tensor {
    let mixed =
      switch layout {
      case .sequences(let batchSize):
        queries.causalAttention(
          keys: keys, values: values, batchSize: batchSize, headSize: headSize,
          precision: precision)
      case .cached(let caches, let counts):
        queries.cachedAttention(
          keys: keys, values: values, caches: caches, counts: counts, layer: layer, headSize: headSize,
          precision: precision)
      }
    observe(.headOutputs(layer: layer), mixed)
    return output(mixed)
  }
}

/// The gated feed-forward network down(silu(gate(x)) · up(x)) (Shazeer 2020).
struct FeedForward {
  let gate: Linear
  let up: Linear
  let down: Linear

  init(_ configuration: DecoderConfiguration, precision: ProductPrecision, in scope: ParameterScope) {
    let (channels, width) = (configuration.hiddenSize, configuration.feedForwardSize)
    func linear(_ inputs: Int, _ outputs: Int, _ deviation: Float, _ name: String) -> Linear {
      Linear(
        inputs, outputs, bias: configuration.feedForwardBias, standardDeviation: deviation, precision: precision,
        in: scope(name))
    }
    gate = linear(channels, width, configuration.initializerRange, "gate_proj")
    up = linear(channels, width, configuration.initializerRange, "up_proj")
    down = linear(width, channels, configuration.residualDeviation, "down_proj")
  }

  /// x [N, C] → [N, C]
  func callAsFunction(_ x: Tensor, layer: Int, observe: ActivationObserver) -> Tensor {
    let neurons = gate(x).swiGLU(up(x))
    observe(.neurons(layer: layer), neurons)
    return down(neurons)
  }
}

/// One layer of the decoder: attention and feed-forward, each normalised before and added to what came in.
struct DecoderBlock {
  let attentionNorm: RMSNorm
  let attention: GroupedQueryAttention
  let feedForwardNorm: RMSNorm
  let feedForward: FeedForward

  init(_ configuration: DecoderConfiguration, precision: ProductPrecision, in scope: ParameterScope) {
    let (channels, epsilon) = (configuration.hiddenSize, configuration.normEpsilon)
    attention = GroupedQueryAttention(configuration, precision: precision, in: scope("self_attn"))
    feedForward = FeedForward(configuration, precision: precision, in: scope("mlp"))
    attentionNorm = RMSNorm(channels, epsilon: epsilon, in: scope("input_layernorm"))
    feedForwardNorm = RMSNorm(channels, epsilon: epsilon, in: scope("post_attention_layernorm"))
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

extension DecoderConfiguration {
  /// The deviation of the matrices that write into the residual stream: divided by √(2L), as in GPT-2 (Radford et al.
  /// 2019), so that the stream's variance does not grow with depth.
  var residualDeviation: Float { initializerRange / Float(2 * layerCount).squareRoot() }
}
