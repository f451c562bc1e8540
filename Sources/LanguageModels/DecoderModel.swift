public import TensorCore

/// A decoder-only transformer of the kind of Llama (Touvron et al. 2023): what a trained and a frozen one both compute.
///
/// Shapes and order of operations are those of `LlamaForCausalLM` in Hugging Face transformers.
public protocol DecoderModel: AnyObject {
  /// A decoder with the given weights; a trained one copies them, a frozen one uses them where they are.
  /// - Parameters:
  ///   - configuration: sizes and constants.
  ///   - precision: what the factors of products are rounded to.
  ///   - device: where it computes.
  ///   - source: returns each weight, in the shape that it is given.
  /// - Throws: what `source` throws.
  init<Failure: Error>(
    configuration: DecoderConfiguration, precision: ProductPrecision, device: Device,
    weights source: (_ role: WeightRole, _ shape: [Int]) throws(Failure) -> WeightMatrix
  ) throws(Failure)
  /// Sizes and constants.
  var configuration: DecoderConfiguration { get }
  /// The memory of all weights, in the order of `configuration.weights`; adapters have their own.
  var parameters: ParameterStore { get }
  /// Low-rank adapters of some matrices; nil where there are none.
  var adapters: DecoderAdapters? { get }
  /// All weights by what they are, in the same order.
  var weights: [DecoderWeight] { get }
  /// What the factors of products are rounded to; norms, softmax and sums are always float32.
  var precision: ProductPrecision { get }
  /// The output matrix [V, C]: the embedding where the two are tied.
  var head: WeightMatrix { get }
  /// The final, normalised hidden states [N, C], times the configuration's `logitScale`, of sequences of the given
  /// lengths, one after another, which sum to N: each has positions of its own from 0, and its tokens attend to no
  /// other sequence. Every id must lie in 0..<V, and no length may exceed the context.
  func hiddenStates(_ ids: [Int32], lengths: [Int]) -> Tensor
  /// As `hiddenStates(_:lengths:)`, where `observe` receives what is computed inside, of all sequences together.
  func hiddenStates(_ ids: [Int32], lengths: [Int], observe: ActivationObserver) -> Tensor
  /// The same decoder without gradients, on the same weights: what is computed from it records nothing.
  /// - Parameters:
  ///   - precision: what the factors of its products are rounded to; nil for this decoder's.
  ///   - isConstant: whether nobody writes to the weights while it is used, so that what products make of them is kept.
  /// - Returns: a decoder that lives on this one's memory.
  func frozen(precision: ProductPrecision?, isConstant: Bool) -> FrozenDecoder
}

extension DecoderModel {
  /// Where it computes.
  public var device: Device { parameters.device }

  /// The hidden states [B·T, C] of B sequences of T tokens each; see the requirement.
  public func hiddenStates(_ ids: [Int32], batchSize: Int) -> Tensor {
    hiddenStates(ids, lengths: ids.lengths(ofBatch: batchSize))
  }

  /// The hidden states [B·T, C] of B sequences of T tokens each; see the requirement.
  public func hiddenStates(_ ids: [Int32], batchSize: Int, observe: ActivationObserver) -> Tensor {
    hiddenStates(ids, lengths: ids.lengths(ofBatch: batchSize), observe: observe)
  }

  /// The number of weights outside the embedding and the head.
  public var nonEmbeddingParameterCount: Int {
    weights.reduce(0) { $0 + ($1.role.isOfVocabulary ? 0 : $1.parameter.count) }
  }

  /// The same decoder without gradients: see the requirement. By default it rounds as this one does.
  public func frozen(isConstant: Bool = false) -> FrozenDecoder { frozen(precision: nil, isConstant: isConstant) }

  /// The same decoder without gradients: see the requirement.
  public func frozen(precision: ProductPrecision) -> FrozenDecoder { frozen(precision: precision, isConstant: false) }

  /// The output of the final norm [N, C] of hidden states as `hiddenStates` gives them, without the `logitScale`: what
  /// states of several models are compared by.
  public func normalizedStates(_ hidden: Tensor) -> Tensor { outputHead.normalizedStates(hidden) }

  /// Logits [N, V] of hidden states [N, C].
  public func logits(_ hidden: Tensor) -> Tensor {
    let logits = hidden.linear(head, precision: precision)
    return configuration.logitCap.map(logits.softCapped) ?? logits
  }

  /// Hidden states [N, C] on their way to logits, a block of tokens at a time.
  public func projection(of hidden: Tensor) -> VocabularyProjection {
    outputHead.projection(of: hidden)
  }
}

/// A weight of a decoder.
public struct DecoderWeight {
  /// What it is.
  public let role: WeightRole
  /// Its memory and, where it is trained, its gradient.
  public let parameter: Parameter
  let adapter: LowRankAdapter?

  /// The weight that the decoder computes with: with its adapter merged in, where it has one, which makes a float32
  /// copy.
  public func merged(on device: Device) -> WeightMatrix {
    guard let adapter else { return parameter.matrix }
    return .dense(adapter.merged(into: parameter.matrix.dense(on: device)))
  }
}

extension [Int32] {
  /// The lengths of B equal parts.
  fileprivate func lengths(ofBatch batchSize: Int) -> [Int] {
    precondition(batchSize > 0 && count % batchSize == 0, "\(count) ids for a batch of \(batchSize)")
    return [Int](repeating: count / batchSize, count: batchSize)
  }
}
