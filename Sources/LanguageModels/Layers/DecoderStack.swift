import TensorCore

/// Embedding, layers and norms of a decoder, and the parameters that they read, which at first have no values.
struct DecoderStack {
  let configuration: DecoderConfiguration
  let precision: ProductPrecision
  let parameters: ParameterStore
  let weights: [DecoderWeight]
  let embedding: Parameter
  let blocks: [DecoderBlock]
  let norm: RMSNorm
  let head: Parameter
  let rotary: RotaryEmbedding

  /// Declares all parameters; `rotary` are the tables of a decoder of the same configuration, if there is one.
  init(
    _ configuration: DecoderConfiguration, precision: ProductPrecision, on device: Device,
    rotary: RotaryEmbedding? = nil
  ) {
    let store = ParameterStore(on: device)
    weights = configuration.weights.map { weight in
      DecoderWeight(
        role: weight.role,
        parameter: store.root.parameter(
          weight.role.description, weight.shape, weight.initialization, decays: weight.decays))
    }
    let byRole = Dictionary(uniqueKeysWithValues: weights.map { ($0.role, $0.parameter) })
    guard let embedding = byRole[.embedding], let finalNorm = byRole[.finalNorm] else {
      preconditionFailure("a decoder without embedding or norm")
    }
    self.configuration = configuration
    self.precision = precision
    self.embedding = embedding
    parameters = store
    blocks = (0..<configuration.layerCount).map { layer in
      DecoderBlock(
        LayerWeights(configuration: configuration, precision: precision, layer: layer, parameters: byRole))
    }
    norm = RMSNorm(weight: finalNorm, epsilon: configuration.normEpsilon)
    head = byRole[.head] ?? embedding
    self.rotary =
      rotary
      ?? RotaryEmbedding(
        frequencies: (configuration.attention.first?.rotary ?? RotaryPositions()).frequencies(
          headSize: configuration.headSize),
        contextLength: configuration.contextLength, on: device)
  }

  /// The hidden states [N, C] of sequences of the given lengths, all computed together on `device`.
  func states(
    of ids: [Int32], lengths: [Int], on device: Device, projections: TokenProjections? = nil,
    observe: ActivationObserver = { _, _ in }
  ) -> Tensor {
    precondition(lengths.reduce(0, +) == ids.count, "\(ids.count) ids in sequences of \(lengths)")
    precondition(
      lengths.allSatisfy { $0 <= configuration.contextLength }, "\(lengths) tokens for \(configuration.contextLength)")
    let positions = lengths.flatMap { 0..<Int32($0) }
    return run(
      ids, projections: projections, positions: positions, layout: .sequences(lengths: lengths), on: device,
      observe: observe)
  }

  /// The hidden states [N, C] of N tokens at the given positions.
  func run(
    _ ids: [Int32], projections: TokenProjections? = nil, positions: [Int32], layout: TokenLayout, on device: Device,
    observe: ActivationObserver = { _, _ in }
  ) -> Tensor {
    var hidden = embedding.matrix.embedding(ids, on: device)
    observe(.embedding, hidden)
    for (layer, block) in blocks.enumerated() {
      hidden = block(
        hidden, projections: layer == 0 ? projections?(ids, on: device) : nil, rotary: rotary, positions: positions,
        layout: layout, layer: layer, observe: observe)
      observe(.layerOutput(layer: layer), hidden)
    }
    return norm(hidden)
  }
}
