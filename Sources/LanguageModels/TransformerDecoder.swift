public import TensorCore

/// A decoder-only transformer of the Llama architecture (Touvron et al. 2023).
///
/// Parameter names, shapes and order of operations are those of `LlamaForCausalLM` in Hugging Face transformers.
public final class TransformerDecoder {
  /// Sizes and constants.
  public let configuration: DecoderConfiguration
  /// All weights, in creation order.
  public let parameters: ParameterStore
  /// What the factors of products are rounded to; norms, softmax and sums are always float32.
  public let precision: ProductPrecision
  private let embedding: Parameter
  private let blocks: [DecoderBlock]
  private let norm: RMSNorm
  private let separateHead: Parameter?
  private let rotary: RotaryEmbedding
  private var tokenProjections: TokenProjections?
  private var tokensWithoutProjections = 0

  /// A decoder whose parameters are declared but have no values yet.
  public init(declaring configuration: DecoderConfiguration, precision: ProductPrecision, on device: Device) {
    self.configuration = configuration
    self.precision = precision
    parameters = ParameterStore(on: device)
    let deviation = Initialization.normal(standardDeviation: configuration.initializerRange)
    let (vocabulary, channels) = (configuration.vocabularySize, configuration.hiddenSize)
    let root = parameters.root
    let model = root("model")
    embedding = model("embed_tokens").parameter("weight", [vocabulary, channels], deviation, decays: false)
    blocks = (0..<configuration.layerCount).map {
      DecoderBlock(configuration, precision: precision, in: model("layers")("\($0)"))
    }
    norm = RMSNorm(channels, epsilon: configuration.normEpsilon, in: model("norm"))
    separateHead =
      configuration.tiesEmbeddings
      ? nil : root("lm_head").parameter("weight", [vocabulary, channels], deviation, decays: true)
    rotary = RotaryEmbedding(
      headSize: configuration.headSize, contextLength: configuration.contextLength, theta: configuration.ropeTheta,
      on: device)
  }

  /// A trainable decoder with random weights.
  /// - Parameters:
  ///   - configuration: sizes and constants.
  ///   - seed: the same seed gives the same weights.
  ///   - precision: what the factors of products are rounded to; the weights stay float32.
  ///   - device: where it computes.
  public convenience init(
    configuration: DecoderConfiguration, seed: UInt64, precision: ProductPrecision = .float32, device: Device = .shared
  ) {
    self.init(declaring: configuration, precision: precision, on: device)
    var generator = SeededGenerator(seed: seed)
    parameters.initialize(using: &generator)
  }

  /// A trainable decoder with the given weights.
  /// - Parameters:
  ///   - configuration: sizes and constants.
  ///   - precision: what the factors of products are rounded to; the weights stay float32.
  ///   - device: where it computes.
  ///   - weights: returns the values of each parameter, in its shape.
  public convenience init(
    configuration: DecoderConfiguration, precision: ProductPrecision = .float32, device: Device = .shared,
    weights: (Parameter) -> Tensor
  ) {
    self.init(declaring: configuration, precision: precision, on: device)
    parameters.load { .dense(weights($0)) }
  }

  /// Where it computes.
  public var device: Device { parameters.device }

  /// The output matrix [V, C]: the embedding where the two are tied.
  public var head: WeightMatrix { (separateHead ?? embedding).matrix }

  /// The number of weights outside the embedding and the head.
  public var nonEmbeddingParameterCount: Int {
    parameters.count - embedding.count - (separateHead?.count ?? 0)
  }

  /// The same decoder without gradients, on the same weights: what is computed from it records nothing.
  ///
  /// - Parameters:
  ///   - precision: what the factors of its products are rounded to; by default as in this decoder.
  ///   - isConstant: whether nobody writes to the weights while the copy is used, so that what products make of them is kept.
  /// - Returns: the copy, which lives on this decoder's memory.
  public func frozen(precision: ProductPrecision? = nil, isConstant: Bool = false) -> TransformerDecoder {
    let copy = TransformerDecoder(declaring: configuration, precision: precision ?? self.precision, on: device)
    var values = parameters.parameters.makeIterator()
    copy.parameters.loadFrozen { parameter in
      guard let value = values.next() else { preconditionFailure("\(parameter.name) has no twin") }
      return isConstant ? value.matrix.constant : value.matrix
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
