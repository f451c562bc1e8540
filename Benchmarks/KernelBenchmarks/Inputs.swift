import TensorCore

/// The sizes of the reference step: 8 × 256 tokens, a teacher of width 288 and a student of width 144.
enum ReferenceSizes {
  static let tokens = 8 * 256
  static let vocabularySize = 32_000
  static let teacherChannels = 288
  static let studentChannels = 144
}

/// Tensors and parameters with the same contents in every run.
struct Inputs {
  private var generator = SeededGenerator(seed: 1)

  /// Uniform values in −1..<1.
  mutating func values(_ count: Int) -> [Float] {
    (0..<count).map { _ in Float(2 * generator.nextUniform() - 1) }
  }

  /// A tensor of such values that wants no gradient.
  mutating func tensor(_ shape: [Int]) -> Tensor {
    Tensor(values(shape.reduce(1, *)), shape: shape, on: .shared)
  }

  /// A store of trainable tensors.
  mutating func store(_ shapes: [[Int]]) -> ParameterStore {
    let store = ParameterStore(on: .shared)
    for (index, shape) in shapes.enumerated() {
      _ = store.root.parameter("\(index)", shape, .normal(standardDeviation: 0.5), decays: true)
    }
    store.initialize(using: &generator)
    return store
  }

  /// Trainable tensors; their gradients add up as long as the tensors are used.
  mutating func trainable(_ shapes: [Int]...) -> [Tensor] { store(shapes).parameters.map(\.value) }
}
