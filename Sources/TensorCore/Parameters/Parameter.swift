/// How the values of a new parameter are drawn.
public enum Initialization: Sendable, Equatable {
  /// Every element is zero.
  case zeros
  /// Every element is the same number.
  case constant(Float)
  /// Normal with mean zero.
  case normal(standardDeviation: Float)
  /// Uniform from −limit to limit.
  case uniform(limit: Float)
}

/// A named weight of a model and, if it is trained, its gradient.
///
/// A layer declares its parameters once, through a `ParameterScope`; the `ParameterStore` then gives all of them
/// memory.
public final class Parameter {
  /// The full name: `layers.0.query`.
  public let name: String
  /// The size of each dimension; a matrix is `[outputs, inputs]`.
  public let shape: [Int]
  /// How its values are drawn when nothing is loaded.
  public let initialization: Initialization
  /// Whether weight decay applies.
  public let decays: Bool
  /// The sum of gradients since the last `zeroGradients()`; nil while the parameter is frozen. Ask anew after that.
  public var gradient: Tensor? {
    stored?.node?.settle()
    return storedGradient
  }

  fileprivate(set) var stored: WeightMatrix?
  /// The gradient's memory, which may hold anything while the node of `stored` is cleared.
  var storedGradient: Tensor?

  init(name: String, shape: [Int], initialization: Initialization, decays: Bool) {
    self.name = name
    self.shape = shape
    self.initialization = initialization
    self.decays = decays
  }

  /// The number of weights.
  public var count: Int { shape.reduce(1, *) }

  /// The weight as the model keeps it, in whatever type.
  public var matrix: WeightMatrix {
    guard let stored else { preconditionFailure("parameter \(name) is used before its store was filled") }
    return stored
  }

  /// The weight itself, which must be kept as float32, as all vectors and trainable weights are. What is computed from
  /// it records gradients if the parameter is trainable.
  public var value: Tensor {
    guard case .dense(let value) = matrix else {
      preconditionFailure("parameter \(name) is kept as it is mapped, not as float32: ask for its matrix")
    }
    return value
  }
}

/// The parameters of a model, in the order in which its layers declare them.
///
/// Trainable values and their gradients are one contiguous arena each, in that order, so that clipping, the optimiser
/// and checkpoints are single passes. Frozen values may lie anywhere, such as in a mapped checkpoint.
public final class ParameterStore {
  /// Where the parameters live.
  public let device: Device
  /// All parameters, in creation order.
  public private(set) var parameters: [Parameter] = []
  /// All values, one after another; nil while frozen or not yet filled.
  public private(set) var values: Tensor?
  /// All gradients, in the same layout as `values`; nil while frozen. Ask anew after `zeroGradients()`.
  public var gradients: Tensor? {
    for parameter in parameters { parameter.stored?.node?.settle() }
    return gradientArena
  }
  private var gradientArena: Tensor?

  /// An empty store; layers then declare parameters through `root`.
  public init(on device: Device) {
    self.device = device
  }

  /// The scope whose names have no prefix.
  public var root: ParameterScope { ParameterScope(store: self, prefix: "") }
  /// The number of weights in all parameters.
  public var count: Int { parameters.reduce(0) { $0 + $1.count } }
  /// Whether the parameters have gradients.
  public var isTrainable: Bool { gradientArena != nil }
  /// Whether all values lie in memory that nobody writes to, such as a mapped checkpoint.
  public var isConstant: Bool { parameters.allSatisfy { $0.stored?.isConstant ?? false } }

  fileprivate func declare(_ parameter: Parameter) {
    precondition(!parameters.contains { $0.name == parameter.name }, "parameter \(parameter.name) is declared twice")
    parameters.append(parameter)
  }

  /// Gives every parameter memory with a gradient beside it, and draws its values from its own distribution.
  public func initialize(using generator: inout some RandomNumberGenerator) {
    allocateArenas()
    for parameter in parameters where device.computes {
      parameter.value.withMutableSpan { parameter.initialization.fill(&$0, using: &generator) }
    }
  }

  /// Gives every parameter memory with a gradient beside it, and the values that `source` returns for it.
  public func load<Failure: Error>(_ source: (Parameter) throws(Failure) -> WeightMatrix) throws(Failure) {
    allocateArenas()
    for parameter in parameters {
      let loaded = try source(parameter)
      precondition(loaded.shape == parameter.shape, "\(parameter.name): \(loaded.shape) is not \(parameter.shape)")
      if device.computes { loaded.copy(into: parameter.value.pointer) }
    }
  }

  /// Uses the weights that `source` returns as they are, without copying and without gradients.
  public func loadFrozen<Failure: Error>(_ source: (Parameter) throws(Failure) -> WeightMatrix) throws(Failure) {
    values = nil
    gradientArena = nil
    for parameter in parameters {
      let loaded = try source(parameter)
      precondition(loaded.shape == parameter.shape, "\(parameter.name): \(loaded.shape) is not \(parameter.shape)")
      parameter.stored = loaded.detached
      parameter.storedGradient = nil
    }
  }

  /// Sets all gradients to zero. What is added first then overwrites them, so that no pass over memory is spent on
  /// zeros.
  public func zeroGradients() {
    for parameter in parameters { parameter.stored?.node?.clear() }
  }

  private func allocateArenas() {
    let values = device.counting(as: .weights) { Tensor.zeros([count], on: device) }
    let gradients = device.counting(as: .gradients) { Tensor(uninitialized: [count], on: device) }
    self.values = values
    gradientArena = gradients
    var offset = 0
    for parameter in parameters {
      func view(_ arena: Tensor) -> Tensor {
        let storage = Storage(
          viewing: arena.pointer + offset, count: parameter.count, owner: arena.storage)
        return Tensor(shape: parameter.shape, storage: storage, device: device)
      }
      let gradient = view(gradients)
      let value = view(values)
      parameter.storedGradient = gradient
      parameter.stored = .dense(
        Tensor(shape: parameter.shape, storage: value.storage, device: device, node: Node(leaf: gradient)))
      offset += parameter.count
    }
  }
}

/// A place in a model's tree of names, through which a layer declares its parameters.
public struct ParameterScope {
  private let store: ParameterStore
  private let prefix: String

  fileprivate init(store: ParameterStore, prefix: String) {
    self.store = store
    self.prefix = prefix
  }

  /// The scope one level down: `scope("layers")`.
  public func callAsFunction(_ name: String) -> ParameterScope {
    ParameterScope(store: store, prefix: prefix + name + ".")
  }

  /// Declares a parameter of the given shape.
  /// - Parameters:
  ///   - name: the last part of its name, such as `query`.
  ///   - shape: the size of each dimension.
  ///   - initialization: how its values are drawn when nothing is loaded.
  ///   - decays: whether weight decay applies.
  /// - Returns: the parameter, without memory until the store is filled.
  public func parameter(
    _ name: String, _ shape: [Int], _ initialization: Initialization, decays: Bool
  ) -> Parameter {
    let parameter = Parameter(name: prefix + name, shape: shape, initialization: initialization, decays: decays)
    store.declare(parameter)
    return parameter
  }
}

extension Initialization {
  /// Fills a row of values; a normal draw uses the Box–Muller transform on 2 × 53 random bits.
  func fill(_ values: inout MutableSpan<Float>, using generator: inout some RandomNumberGenerator) {
    switch self {
    case .zeros: for index in values.indices { values[index] = 0 }
    case .constant(let number): for index in values.indices { values[index] = number }
    case .normal(let standardDeviation):
      for index in values.indices {
        values[index] = standardDeviation * Float(generator.nextNormal())
      }
    case .uniform(let limit):
      for index in values.indices { values[index] = limit * Float(2 * generator.nextUniform() - 1) }
    }
  }
}
