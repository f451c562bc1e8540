public import TensorCore

/// A decoder-only transformer of the kind of Llama (Touvron et al. 2023).
///
/// Shapes and order of operations are those of `LlamaForCausalLM` in Hugging Face transformers.
public final class TransformerDecoder {
  /// Sizes and constants.
  public let configuration: DecoderConfiguration
  /// The memory of all weights, in the order of `configuration.weights`.
  public let parameters: ParameterStore
  /// All weights by what they are, in the same order.
  public let weights: [DecoderWeight]
  /// What the factors of products are rounded to; norms, softmax and sums are always float32.
  public let precision: ProductPrecision
  private let embedding: Parameter
  private let blocks: [DecoderBlock]
  private let norm: RMSNorm
  private let headParameter: Parameter
  private let rotary: RotaryEmbedding
  private var tokenProjections: TokenProjections?
  private var tokensWithoutProjections = 0

  /// A decoder whose parameters are declared but have no values yet.
  private init(
    declaring configuration: DecoderConfiguration, precision: ProductPrecision, on device: Device,
    rotary: RotaryEmbedding? = nil
  ) {
    let store = ParameterStore(on: device)
    weights = configuration.weights.map { DecoderWeight($0, in: store) }
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
    headParameter = byRole[.head] ?? embedding
    self.rotary =
      rotary
      ?? RotaryEmbedding(
        frequencies: configuration.rotary.frequencies(headSize: configuration.headSize),
        contextLength: configuration.contextLength, on: device)
  }

  /// A trainable decoder with random weights.
  /// - Parameters:
  ///   - configuration: sizes and constants.
  ///   - seed: the same seed gives the same weights.
  ///   - precision: what the factors of products are rounded to; the weights stay float32.
  ///   - device: where it computes.
  public convenience init(
    configuration: DecoderConfiguration, seed: UInt64, precision: ProductPrecision = .float32,
    device: Device = .shared
  ) {
    self.init(declaring: configuration, precision: precision, on: device)
    var generator = SeededGenerator(seed: seed)
    parameters.initialize(using: &generator)
  }

  /// A decoder with the given weights.
  /// - Parameters:
  ///   - configuration: sizes and constants.
  ///   - trainable: whether it copies the weights and gives them gradients; else it uses them as they are.
  ///   - precision: what the factors of products are rounded to; the weights stay float32.
  ///   - device: where it computes.
  ///   - source: returns each weight, in the shape that it is given.
  /// - Throws: what `source` throws.
  public convenience init<Failure: Error>(
    configuration: DecoderConfiguration, trainable: Bool = true, precision: ProductPrecision = .float32,
    device: Device = .shared, weights source: (_ role: WeightRole, _ shape: [Int]) throws(Failure) -> WeightMatrix
  ) throws(Failure) {
    self.init(declaring: configuration, precision: precision, on: device)
    try load(trainable: trainable, source)
  }

  private func load<Failure: Error>(
    trainable: Bool, _ source: (_ role: WeightRole, _ shape: [Int]) throws(Failure) -> WeightMatrix
  ) throws(Failure) {
    var remaining = weights.makeIterator()
    func next(_ parameter: Parameter) throws(Failure) -> WeightMatrix {
      guard let weight = remaining.next() else { preconditionFailure("\(parameter.name) is no weight of the decoder") }
      return try source(weight.role, parameter.shape)
    }
    if trainable { try parameters.load(next) } else { try parameters.loadFrozen(next) }
  }

  /// Where it computes.
  public var device: Device { parameters.device }

  /// The output matrix [V, C]: the embedding where the two are tied.
  public var head: WeightMatrix { headParameter.matrix }

  /// The number of weights outside the embedding and the head.
  public var nonEmbeddingParameterCount: Int {
    weights.reduce(0) { $0 + ($1.role.isOfVocabulary ? 0 : $1.parameter.count) }
  }

  /// The same decoder without gradients, on the same weights: what is computed from it records nothing.
  ///
  /// - Parameters:
  ///   - precision: what the factors of its products are rounded to; by default as in this decoder.
  ///   - isConstant: whether nobody writes to the weights while the copy is used, so that what products make of them is kept.
  /// - Returns: the copy, which lives on this decoder's memory.
  public func frozen(precision: ProductPrecision? = nil, isConstant: Bool = false) -> TransformerDecoder {
    let copy = TransformerDecoder(
      declaring: configuration, precision: precision ?? self.precision, on: device, rotary: rotary)
    var values = weights.makeIterator()
    copy.load(trainable: false) { role, _ in
      guard let value = values.next()?.parameter.matrix else {
        preconditionFailure("\(role) is no weight of the decoder")
      }
      return isConstant ? value.constant : value
    }
    return copy
  }

  /// As `hiddenStates(_:batchSize:)`, where `observe` receives what is computed inside, of all sequences together.
  public func hiddenStates(_ ids: [Int32], batchSize: Int, observe: ActivationObserver) -> Tensor {
    states(of: ids, batchSize: batchSize, on: device, observe: observe)
  }

  /// T of B sequences of T tokens each.
  func tokensPerSequence(_ ids: [Int32], batchSize: Int) -> Int {
    precondition(batchSize > 0 && ids.count % batchSize == 0, "\(ids.count) ids for a batch of \(batchSize)")
    let length = ids.count / batchSize
    precondition(length <= configuration.contextLength, "\(length) tokens for \(configuration.contextLength)")
    return length
  }

  /// The table for a pass over `tokens` tokens of sequences from their beginning; nil where it does not pay, where weights may
  /// change, and where the results could have other bits. It is made after as many tokens without it as it has rows.
  func tokenProjections(forPassOf tokens: Int) -> TokenProjections? {
    let vocabulary = configuration.vocabularySize
    guard device.rowsAreIndependent, min(tokens, vocabulary) >= Self.leastRowsTogether, parameters.isConstant,
      configuration.hasWorthwhileTokenProjections, let first = blocks.first
    else { return nil }
    if let tokenProjections { return tokenProjections }
    if tokensWithoutProjections >= vocabulary {
      tokenProjections = TokenProjections(of: first, embedding: embedding.matrix.dense(on: device))
    }
    tokensWithoutProjections += tokens
    return tokenProjections
  }

  /// The hidden states of B sequences, all computed together on `device`.
  func states(
    of ids: [Int32], batchSize: Int, on device: Device, projections: TokenProjections? = nil,
    observe: ActivationObserver = { _, _ in }
  ) -> Tensor {
    let length = tokensPerSequence(ids, batchSize: batchSize)
    let positions = (0..<ids.count).map { Int32($0 % max(1, length)) }
    return run(
      ids, projections: projections, positions: positions, layout: .sequences(batchSize: batchSize), on: device,
      observe: observe)
  }

  /// The final hidden states [N, C] of new tokens of sequences with a past: the first `counts[0]` ids continue the
  /// sequence of `caches[0]`, and so on. The caches take in the new tokens. Use it on a frozen decoder.
  public func hiddenStates(_ ids: [Int32], counts: [Int], caches: [KeyValueCache]) -> Tensor {
    let positions = zip(counts, caches).flatMap { count, cache in
      (cache.length..<cache.length + count).map { Int32($0) }
    }
    let hidden = run(
      ids, projections: nil, positions: positions, layout: .cached(caches, counts: counts), on: device
    ) { _, _ in }
    for (cache, count) in zip(caches, counts) { cache.advance(by: count) }
    return hidden
  }

  /// Logits [N, V] of hidden states [N, C].
  public func logits(_ hidden: Tensor) -> Tensor { hidden.linear(head, precision: precision) }

  /// Hidden states [N, C] on their way to logits, a block of tokens at a time.
  public func projection(of hidden: Tensor) -> VocabularyProjection {
    VocabularyProjection(hidden: hidden, head: head, precision: precision)
  }

  /// An empty key-value cache for one sequence, with room for the tokens that are expected, of which there may be more,
  /// and what it keeps keys and values as.
  public func makeCache(expectedLength: Int? = nil, precision: CachePrecision = .float32) -> KeyValueCache {
    KeyValueCache(
      layerCount: configuration.layerCount, headCount: configuration.keyValueHeadCount,
      headSize: configuration.headSize, contextLength: configuration.contextLength, expectedLength: expectedLength,
      precision: precision, on: device)
  }

  private func run(
    _ ids: [Int32], projections: TokenProjections?, positions: [Int32], layout: TokenLayout, on device: Device,
    observe: ActivationObserver
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

/// A weight of a decoder.
public struct DecoderWeight {
  /// What it is.
  public let role: WeightRole
  /// Its memory and, where it is trained, its gradient.
  public let parameter: Parameter

  init(_ weight: DeclaredWeight, in store: ParameterStore) {
    role = weight.role
    parameter = store.root.parameter(
      weight.role.description, weight.shape, weight.initialization, decays: weight.decays)
  }
}
