public import TensorCore

/// A decoder that is trained: what is computed from it records gradients. Its weights are float32 in one arena; or they
/// stay as they are, of any type, and its adapters are trained.
public final class TransformerDecoder: DecoderModel {
  private let stack: DecoderStack
  /// Whether forward passes keep the input of each layer alone, and backward passes compute the layer anew: the same
  /// bits in about a fourth more time, with activations of one layer, not of all. By default they do not.
  public var recomputesLayers = false

  private init(_ stack: DecoderStack) { self.stack = stack }

  /// A decoder with random weights.
  /// - Parameters:
  ///   - configuration: sizes and constants.
  ///   - seed: the same seed gives the same weights.
  ///   - precision: what the factors of products are rounded to; the weights stay float32.
  ///   - device: where it computes.
  public convenience init(
    configuration: DecoderConfiguration, seed: UInt64, precision: ProductPrecision = .float32,
    device: Device = .shared
  ) {
    self.init(DecoderStack(configuration, precision: precision, on: device))
    var generator = SeededGenerator(seed: seed)
    parameters.initialize(using: &generator)
  }

  /// A decoder that copies the given weights.
  /// - Parameters:
  ///   - configuration: sizes and constants.
  ///   - precision: what the factors of products are rounded to; the weights stay float32.
  ///   - device: where it computes.
  ///   - source: returns each weight, in the shape that it is given.
  /// - Throws: what `source` throws.
  public convenience init<Failure: Error>(
    configuration: DecoderConfiguration, precision: ProductPrecision = .float32, device: Device = .shared,
    weights source: (_ role: WeightRole, _ shape: [Int]) throws(Failure) -> WeightMatrix
  ) throws(Failure) {
    self.init(DecoderStack(configuration, precision: precision, on: device))
    var remaining = weights.makeIterator()
    try parameters.load { (parameter) throws(Failure) in
      guard let weight = remaining.next() else { preconditionFailure("\(parameter.name) is no weight of the decoder") }
      return try source(weight.role, parameter.shape)
    }
  }

  /// A decoder whose adapters are trained; the weights are used as they are, such as quantised ones of a mapped file.
  /// - Parameters:
  ///   - configuration: sizes and constants.
  ///   - adapters: those to be trained, of this configuration.
  ///   - precision: what the factors of products are rounded to; weights and adapters stay as they are.
  ///   - device: where it computes.
  ///   - source: returns each weight, in the shape that it is given.
  /// - Throws: what `source` throws.
  public convenience init<Failure: Error>(
    configuration: DecoderConfiguration, adapters: DecoderAdapters, precision: ProductPrecision = .float32,
    device: Device = .shared, weights source: (_ role: WeightRole, _ shape: [Int]) throws(Failure) -> WeightMatrix
  ) throws(Failure) {
    precondition(adapters.parameters.isTrainable, "frozen adapters cannot be trained")
    self.init(DecoderStack(configuration, precision: precision, on: device, adapters: adapters))
    try stack.loadFrozen(source)
  }

  /// The memory of what is trained: all weights, or the adapters alone.
  public var trained: ParameterStore { stack.adapters?.parameters ?? stack.parameters }

  public var configuration: DecoderConfiguration { stack.configuration }
  public var parameters: ParameterStore { stack.parameters }
  public var adapters: DecoderAdapters? { stack.adapters }
  public var weights: [DecoderWeight] { stack.weights }
  public var precision: ProductPrecision { stack.precision }
  public var head: WeightMatrix { stack.head.matrix }

  public func hiddenStates(_ ids: [Int32], lengths: [Int]) -> Tensor {
    stack.states(of: ids, lengths: lengths, on: device, recomputes: recomputesLayers)
  }

  public func hiddenStates(_ ids: [Int32], lengths: [Int], observe: ActivationObserver) -> Tensor {
    stack.states(of: ids, lengths: lengths, on: device, recomputes: recomputesLayers, observe: observe)
  }

  public func frozen(precision: ProductPrecision?, isConstant: Bool) -> FrozenDecoder {
    FrozenDecoder(on: stack, precision: precision ?? self.precision, isConstant: isConstant)
  }
}
