public import TensorCore

/// A decoder that is not trained: what is computed from it records nothing. Teachers, drafts, generation and evaluation
/// are of this kind.
///
/// Its weights are of any type and are used where they lie, such as in a mapped file. What pays only here is here:
/// threads that take whole sequences, a table of the first layer's projections, and key-value caches.
public final class FrozenDecoder: DecoderModel {
  let stack: DecoderStack
  private var tokenProjections: TokenProjections?
  private var tokensWithoutProjections = 0

  /// A decoder that uses the given weights as they are.
  /// - Parameters:
  ///   - configuration: sizes and constants.
  ///   - precision: what the factors of products are rounded to; the weights stay as they are.
  ///   - device: where it computes.
  ///   - source: returns each weight, in the shape that it is given.
  /// - Throws: what `source` throws.
  public init<Failure: Error>(
    configuration: DecoderConfiguration, precision: ProductPrecision = .float32, device: Device = .shared,
    weights source: (_ role: WeightRole, _ shape: [Int]) throws(Failure) -> WeightMatrix
  ) throws(Failure) {
    stack = DecoderStack(configuration, precision: precision, on: device)
    try stack.loadFrozen(source)
  }

  /// As above, with adapters that stay as they are beside weights that stay as they are, of any type.
  public init<Failure: Error>(
    configuration: DecoderConfiguration, adapters: DecoderAdapters, precision: ProductPrecision = .float32,
    device: Device = .shared, weights source: (_ role: WeightRole, _ shape: [Int]) throws(Failure) -> WeightMatrix
  ) throws(Failure) {
    stack = DecoderStack(
      configuration, precision: precision, on: device,
      adapters: adapters.frozen(of: configuration, isConstant: true))
    try stack.loadFrozen(source)
  }

  /// A decoder on the weights of another.
  init(on other: DecoderStack, precision: ProductPrecision, isConstant: Bool) {
    stack = DecoderStack(
      other.configuration, precision: precision, on: other.parameters.device,
      adapters: other.adapters?.frozen(of: other.configuration, isConstant: isConstant), rotary: other.rotary)
    var values = other.weights.map(\.parameter.matrix).makeIterator()
    stack.parameters.loadFrozen { parameter in
      guard let value = values.next() else { preconditionFailure("\(parameter.name) is no weight of the decoder") }
      return isConstant ? value.constant : value
    }
  }

  /// This decoder on a device that is `Device.counting()`.
  /// - Parameters:
  ///   - device: the device.
  ///   - vocabularySize: V of the decoder with fewer tokens that this one stands for; nil, the default, for its own.
  /// - Returns: the decoder, whose results mean nothing.
  public func counted(on device: Device, vocabularySize: Int? = nil) -> FrozenDecoder {
    var configuration = stack.configuration
    configuration.vocabularySize = vocabularySize ?? configuration.vocabularySize
    let counted = FrozenDecoder(
      DecoderStack(
        configuration, precision: precision, on: device,
        adapters: stack.adapters?.counted(of: configuration, on: device)))
    var values = stack.weights.map(\.parameter.matrix).makeIterator()
    counted.parameters.loadFrozen { parameter in
      guard let value = values.next() else { preconditionFailure("\(parameter.name) is no weight of the decoder") }
      return value.counted(on: device, rows: parameter.shape[0])
    }
    return counted
  }

  private init(_ stack: DecoderStack) { self.stack = stack }

  public var configuration: DecoderConfiguration { stack.configuration }
  public var parameters: ParameterStore { stack.parameters }
  public var adapters: DecoderAdapters? { stack.adapters }
  public var weights: [DecoderWeight] { stack.weights }
  public var precision: ProductPrecision { stack.precision }
  public var head: WeightMatrix { stack.head.matrix }

  /// Each thread takes some of the sequences through all layers where that pays, which needs equal lengths: the results
  /// have the same bits either way.
  public func hiddenStates(_ ids: [Int32], lengths: [Int]) -> Tensor {
    let projections = tokenProjections(forPassOf: ids.count)
    let length = lengths.first ?? 0
    let groups = lengths.allSatisfy { $0 == length } ? groups(of: lengths.count, length: length) : []
    if groups.isEmpty {
      return stack.states(of: ids, lengths: lengths, on: device, projections: projections)
    }
    return device.groupedRows(groups.map { $0.count * length }, columns: configuration.hiddenSize) { group, device in
      let sequences = groups[group]
      let groupIDs = Array(ids[sequences.lowerBound * length..<sequences.upperBound * length])
      return stack.states(of: groupIDs, lengths: Array(lengths[sequences]), on: device, projections: projections)
    }
  }

  public func hiddenStates(_ ids: [Int32], lengths: [Int], observe: ActivationObserver) -> Tensor {
    stack.states(of: ids, lengths: lengths, on: device, observe: observe)
  }

  /// This decoder, unless another precision or weights that are kept are asked of it.
  public func frozen(precision: ProductPrecision?, isConstant: Bool) -> FrozenDecoder {
    if precision ?? self.precision == self.precision, !isConstant || stack.isConstant { return self }
    return FrozenDecoder(on: stack, precision: precision ?? self.precision, isConstant: isConstant)
  }

  /// The final hidden states [N, C] of new tokens of sequences with a past: the first `counts[0]` ids continue the
  /// sequence of `caches[0]`, and so on. The caches take in the new tokens.
  ///
  /// Where rotations depend on the length of a sequence (`RotaryScaling.longRope`), they are those of the length that
  /// its cache expects; where more tokens come, its keys and values are computed again, once, with those of longer
  /// ones.
  public func hiddenStates(_ ids: [Int32], counts: [Int], caches: [KeyValueCache]) -> Tensor {
    prepare(caches, for: ids, counts: counts)
    let hidden = stack.run(ids, layout: .cached(caches, counts: counts), on: device)
    for (cache, count) in zip(caches, counts) { cache.advance(by: count) }
    return hidden
  }

  /// An empty key-value cache for one sequence.
  /// - Parameters:
  ///   - expectedLength: the tokens that it has room for from the beginning, and whose number rotations may depend on;
  ///     there may be more.
  ///   - rewind: how many tokens it can be truncated by at any time; layers without windows by any number.
  ///   - precision: what it keeps keys and values as.
  /// - Returns: the cache, whose layers with windows keep what the next token sees.
  public func makeCache(
    expectedLength: Int? = nil, rewind: Int = KeyValueCache.usualRewind, precision: CachePrecision = .float32
  ) -> KeyValueCache {
    KeyValueCache(
      windows: configuration.attention.map(\.window), headCount: configuration.keyValueHeadCount,
      headSize: configuration.headSize, contextLength: configuration.contextLength, expectedLength: expectedLength,
      rewind: rewind, precision: precision, on: device)
  }

  /// The table for a pass over `tokens` tokens of sequences from their beginning; nil where it does not pay, where
  /// weights may change, and where the results could have other bits. It is made after as many tokens without it as it
  /// has rows.
  func tokenProjections(forPassOf tokens: Int) -> TokenProjections? {
    let vocabulary = configuration.vocabularySize
    guard device.rowsAreIndependent, min(tokens, vocabulary) >= Self.leastRowsTogether, stack.isConstant,
      configuration.hasWorthwhileTokenProjections, let first = stack.blocks.first
    else { return nil }
    if let tokenProjections { return tokenProjections }
    if tokensWithoutProjections >= vocabulary {
      tokenProjections = TokenProjections(
        of: first,
        embedding: stack.embedding.matrix.dense(on: device).detached.scaled(by: configuration.embeddingFactor))
    }
    tokensWithoutProjections += tokens
    return tokenProjections
  }
}
