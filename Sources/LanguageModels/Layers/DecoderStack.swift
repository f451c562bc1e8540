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
  let rotary: RotaryTables
  let adapters: DecoderAdapters?

  /// Declares all parameters but those of the adapters; `rotary` are the tables of a decoder of the same configuration,
  /// if there is one.
  init(
    _ configuration: DecoderConfiguration, precision: ProductPrecision, on device: Device,
    adapters: DecoderAdapters? = nil, rotary: RotaryTables? = nil
  ) {
    let store = ParameterStore(on: device)
    weights = configuration.weights.map { weight in
      DecoderWeight(
        role: weight.role,
        parameter: store.root.parameter(
          weight.role.description, weight.shape, weight.initialization, decays: weight.decays),
        adapter: adapters?[weight.role])
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
        LayerWeights(
          configuration: configuration, precision: precision, layer: layer, parameters: byRole, adapters: adapters))
    }
    norm = RMSNorm(finalNorm, configuration)
    head = byRole[.head] ?? embedding
    self.rotary = rotary ?? RotaryTables(configuration, on: device)
    self.adapters = adapters
  }

  /// Whether nobody writes to weights or adapters.
  var isConstant: Bool { parameters.isConstant && adapters?.parameters.isConstant ?? true }

  /// Uses the weights that `source` returns as they are.
  func loadFrozen<Failure: Error>(
    _ source: (_ role: WeightRole, _ shape: [Int]) throws(Failure) -> WeightMatrix
  ) throws(Failure) {
    var remaining = weights.makeIterator()
    try parameters.loadFrozen { (parameter) throws(Failure) in
      guard let weight = remaining.next() else { preconditionFailure("\(parameter.name) is no weight of the decoder") }
      return try source(weight.role, parameter.shape)
    }
  }

  /// The hidden states [N, C] of sequences of the given lengths, all computed together on `device`; `recomputes` says
  /// whether the backward pass computes each layer anew.
  func states(
    of ids: [Int32], lengths: [Int], on device: Device, projections: TokenProjections? = nil, recomputes: Bool = false,
    observe: ActivationObserver = { _, _ in }
  ) -> Tensor {
    precondition(lengths.reduce(0, +) == ids.count, "\(ids.count) ids in sequences of \(lengths)")
    precondition(
      lengths.allSatisfy { $0 <= configuration.contextLength }, "\(lengths) tokens for \(configuration.contextLength)")
    return run(
      ids, projections: projections, layout: .sequences(lengths: lengths), recomputes: recomputes, on: device,
      observe: observe)
  }

  /// The hidden states [N, C] of N tokens, as `layout` says where they stand.
  func run(
    _ ids: [Int32], projections: TokenProjections? = nil, layout: TokenLayout, recomputes: Bool = false,
    on device: Device, observe: ActivationObserver = { _, _ in }
  ) -> Tensor {
    let rotations = rotary.rotations(of: layout.positions)
    var hidden = embedding.matrix.embedding(ids, scaledBy: configuration.embeddingFactor, on: device)
    observe(.embedding, hidden)
    for (layer, block) in blocks.enumerated() {
      let projections = layer == 0 ? projections?(ids, on: device) : nil
      func output(of hidden: Tensor, observe: ActivationObserver) -> Tensor {
        block(
          hidden, projections: projections, rotations: rotations[layer], layout: layout, layer: layer, observe: observe)
      }
      hidden =
        recomputes ? hidden.recomputed(observe: observe, output) : output(of: hidden, observe: observe)
      observe(.layerOutput(layer: layer), hidden)
    }
    // logits are products of these: whoever multiplies them by the head need not know of the scale
    return norm(hidden).scaled(by: configuration.logitScale)
  }
}
