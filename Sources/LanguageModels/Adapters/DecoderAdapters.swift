public import TensorCore

/// The low-rank adapters of a decoder, with their memory: trained while its weights stay as they are, or frozen like
/// these.
public final class DecoderAdapters {
  /// What they are of.
  public let configuration: AdapterConfiguration
  /// The model that they belong to.
  public let base: AdapterBase
  /// The memory of all factors, module by module: A, then B of each matrix.
  public let parameters: ParameterStore
  /// All factors by what they are, in the same order.
  public let factors: [(factor: AdapterFactor, parameter: Parameter)]
  private let adapters: [WeightRole: LowRankAdapter]

  /// Declares all factors, which at first have no values.
  private init(
    _ configuration: AdapterConfiguration, base: AdapterBase, of decoder: DecoderConfiguration, on device: Device
  ) {
    self.configuration = configuration
    self.base = base
    let store = ParameterStore(on: device)
    var factors: [(factor: AdapterFactor, parameter: Parameter)] = []
    var adapters: [WeightRole: LowRankAdapter] = [:]
    for module in configuration.modules {
      func role(_ matrix: LayerMatrix) -> WeightRole { .layer(module.layer, .matrix(matrix)) }
      func declare(_ factor: AdapterFactor, _ name: String, _ initialization: Initialization) -> Parameter {
        let parameter = store.root.parameter(
          name, configuration.shape(of: factor, in: decoder), initialization, decays: true)
        factors.append((factor, parameter))
        return parameter
      }
      let first = module.matrices[0]
      let inputs = decoder.shape(of: role(first))[1]
      precondition(
        (0..<decoder.layerCount).contains(module.layer)
          && module.matrices.allSatisfy { decoder.shape(of: role($0))[1] == inputs }, "\(module) of the decoder")
      // as PEFT has it (`reset_lora_parameters`): Kaiming's uniform distribution with a = √5, which is ±1/√I, so that
      // inputs keep their size; and B = 0, so that the decoder begins as its base
      let limit = 1 / Float(inputs).squareRoot()
      let down = declare(.down(module), "\(role(first)).lora_A", .uniform(limit: limit))
      for matrix in module.matrices {
        let up = declare(.up(layer: module.layer, matrix), "\(role(matrix)).lora_B", .zeros)
        let old = adapters.updateValue(
          LowRankAdapter(down: down, up: up, scale: configuration.scale), forKey: role(matrix))
        precondition(old == nil, "\(role(matrix)) has two adapters")
      }
    }
    parameters = store
    self.factors = factors
    self.adapters = adapters
  }

  /// Fresh adapters, to be trained, which change nothing yet.
  /// - Parameters:
  ///   - configuration: what they are of; its modules fit the decoder.
  ///   - base: the model that they belong to.
  ///   - decoder: its sizes.
  ///   - seed: the same seed gives the same adapters.
  ///   - device: where they are computed with.
  public convenience init(
    _ configuration: AdapterConfiguration, base: AdapterBase, of decoder: DecoderConfiguration, seed: UInt64,
    on device: Device
  ) {
    self.init(configuration, base: base, of: decoder, on: device)
    var generator = SeededGenerator(seed: seed)
    parameters.initialize(using: &generator)
  }

  /// Adapters of the given values.
  /// - Parameters:
  ///   - configuration: what they are of; its modules fit the decoder.
  ///   - base: the model that they belong to.
  ///   - decoder: its sizes.
  ///   - trainable: whether they get gradients.
  ///   - device: where they are computed with.
  ///   - source: returns each factor, in the shape that it is given.
  /// - Throws: what `source` throws.
  public convenience init<Failure: Error>(
    _ configuration: AdapterConfiguration, base: AdapterBase, of decoder: DecoderConfiguration, trainable: Bool,
    on device: Device, source: (_ factor: AdapterFactor, _ shape: [Int]) throws(Failure) -> Tensor
  ) throws(Failure) {
    self.init(configuration, base: base, of: decoder, on: device)
    var remaining = factors.makeIterator()
    func next(_ parameter: Parameter) throws(Failure) -> WeightMatrix {
      guard let factor = remaining.next()?.factor else { preconditionFailure("\(parameter.name) is no factor") }
      return .dense(try source(factor, parameter.shape))
    }
    if trainable { try parameters.load(next) } else { try parameters.loadFrozen(next) }
  }

  /// These adapters without gradients, on the same memory.
  func frozen(of decoder: DecoderConfiguration, isConstant: Bool) -> DecoderAdapters {
    var values = factors.map(\.parameter.value).makeIterator()
    return DecoderAdapters(configuration, base: base, of: decoder, trainable: false, on: parameters.device) { _, _ in
      guard let value = values.next() else { preconditionFailure("more factors than before") }
      return isConstant ? value.constant : value
    }
  }

  /// These adapters without gradients, for a device that is `Device.counting()`.
  func counted(of decoder: DecoderConfiguration, on device: Device) -> DecoderAdapters {
    var values = factors.map(\.parameter.matrix).makeIterator()
    return DecoderAdapters(configuration, base: base, of: decoder, trainable: false, on: device) { _, _ in
      guard case .dense(let value) = values.next()?.counted(on: device) else {
        preconditionFailure("more factors than before")
      }
      return value
    }
  }

  /// The adapter of a weight, if it has one.
  subscript(role: WeightRole) -> LowRankAdapter? { adapters[role] }
}

/// What is added to a matrix W [O, I]: scale · up [O, R] · down [R, I].
struct LowRankAdapter {
  let down: Parameter
  let up: Parameter
  let scale: Float

  /// base [N, O], which is x · Wᵀ, with what the adapter adds for x [N, I].
  func adding(to base: consuming Tensor, _ x: Tensor, precision: ProductPrecision) -> Tensor {
    let low = x.linear(down.value, precision: precision).scaled(by: scale)
    return base.adding(low, timesTransposed: up.value, precision: precision)
  }

  /// W with the adapter merged in.
  func merged(into weight: Tensor) -> Tensor { weight.merging(down: down.value, up: up.value, scale: scale) }
}

extension AdapterConfiguration {
  /// The shape of a factor.
  func shape(of factor: AdapterFactor, in decoder: DecoderConfiguration) -> [Int] {
    switch factor {
    case .down(let module): [rank, decoder.shape(of: .layer(module.layer, .matrix(module.matrices[0])))[1]]
    case .up(let layer, let matrix): [decoder.shape(of: .layer(layer, .matrix(matrix)))[0], rank]
    }
  }
}
