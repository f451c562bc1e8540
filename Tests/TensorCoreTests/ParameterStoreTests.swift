import Foundation
import TensorCore
import Testing

@Suite struct ParameterStoreTests {
  private func store(threads: Int = 2) -> ParameterStore {
    let store = ParameterStore(on: Device(threads: threads))
    let layer = store.root("layer")
    _ = layer.parameter("norm", [3], .constant(1), decays: false)
    _ = layer("inner").parameter("weight", [5, 7], .normal(standardDeviation: 0.5), decays: true)
    _ = store.root.parameter("bias", [2], .zeros, decays: false)
    return store
  }

  @Test func namesShapesAndOrderAreAsDeclared() {
    let store = store()
    #expect(store.parameters.map(\.name) == ["layer.norm", "layer.inner.weight", "bias"])
    #expect(store.count == 40)
  }

  @Test func initializationFollowsItsDistributionAndSeed() {
    func values(_ seed: UInt64) -> [[Float]] {
      let store = store()
      var generator = SeededGenerator(seed: seed)
      store.initialize(using: &generator)
      return store.parameters.map { $0.value.array() }
    }
    #expect(values(1) == values(1))
    #expect(values(1)[1] != values(2)[1])
    #expect(values(1)[0] == [1, 1, 1])
    #expect(values(1)[2] == [0, 0])

    let wide = ParameterStore(on: Device(threads: 1))
    let parameter = wide.root.parameter("wide", [100, 100], .normal(standardDeviation: 0.5), decays: true)
    var generator = SeededGenerator(seed: 3)
    wide.initialize(using: &generator)
    let sample = parameter.value.array().map(Double.init)
    let mean = sample.reduce(0, +) / 10_000
    let deviation = (sample.reduce(0) { $0 + $1 * $1 } / 10_000 - mean * mean).squareRoot()
    #expect(abs(mean) < 0.02)
    #expect(abs(deviation - 0.5) < 0.02)
  }

  @Test func valuesAndGradientsAreArenasInOrder() throws {
    let store = store()
    var generator = SeededGenerator(seed: 1)
    store.initialize(using: &generator)
    #expect(try #require(store.values).array() == store.parameters.flatMap { $0.value.array() })
    store.parameters[1].value.linear(Tensor.zeros([4, 7], on: store.device)).backward(
      from: Tensor.zeros([5, 4], on: store.device))
    #expect(try #require(store.gradients).count == 40)
  }

  @Test func frozenParametersRecordNothing() {
    let store = store()
    store.loadFrozen { .dense(Tensor.zeros($0.shape, on: store.device)) }
    #expect(!store.isTrainable)
    #expect(store.parameters.allSatisfy { $0.gradient == nil && !$0.value.recordsGradient })
  }

  /// AdamW as PyTorch documents it, in Double.
  @Test func adamWEqualsItsTwinInDouble() throws {
    let store = store()
    var generator = SeededGenerator(seed: 4)
    store.initialize(using: &generator)
    let (first, second) = (Tensor.zeros([40], on: store.device), Tensor.zeros([40], on: store.device))
    var weights = try #require(store.values).array().map(Double.init)
    var m = [Double](repeating: 0, count: 40)
    var v = m
    let gradients = try #require(store.gradients)
    for number in 1...5 {
      let gradient = (0..<40).map { _ in Float(generator.nextNormal()) }
      gradients.withMutableSpan { for index in gradient.indices { $0[index] = gradient[index] } }
      store.apply(
        AdamWStep(
          learningRate: 0.01, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, number: number,
          gradientScale: 0.5),
        firstMoment: first, secondMoment: second)
      for index in 0..<40 {
        let g = 0.5 * Double(gradient[index])
        if (3..<38).contains(index) { weights[index] *= 1 - 0.01 * 0.1 }
        m[index] = 0.9 * m[index] + 0.1 * g
        v[index] = 0.95 * v[index] + 0.05 * g * g
        let root = (v[index] / (1 - pow(0.95, Double(number)))).squareRoot()
        weights[index] -= 0.01 * m[index] / (1 - pow(0.9, Double(number))) / (root + 1e-8)
      }
    }
    let error = zip(try #require(store.values).array(), weights).map { abs(Double($0) - $1) }.max() ?? 0
    #expect(error < 1e-6)
  }

  @Test func theFirstParameterWithANonFiniteGradientIsNamed() throws {
    let store = store()
    var generator = SeededGenerator(seed: 5)
    store.initialize(using: &generator)
    #expect(store.firstParameterWithNonFiniteGradient() == nil)
    try #require(store.parameters[1].gradient).withMutableSpan { $0[3] = .infinity }
    #expect(store.firstParameterWithNonFiniteGradient() == "layer.inner.weight")
    #expect(!store.gradientSquareSum().isFinite)
  }

  @Test func gradientSquareSumHasOneOrder() throws {
    let sums = try [1, 2, 8].map { threads in
      let store = ParameterStore(on: Device(threads: threads))
      _ = store.root.parameter("large", [300_000], .normal(standardDeviation: 1), decays: true)
      var generator = SeededGenerator(seed: 6)
      store.initialize(using: &generator)
      let values = try #require(store.values).array()
      try #require(store.gradients).withMutableSpan { for index in values.indices { $0[index] = values[index] } }
      let exact = values.reduce(0) { $0 + Double($1) * Double($1) }
      #expect(abs(store.gradientSquareSum() / exact - 1) < 1e-6)
      return store.gradientSquareSum()
    }
    #expect(Set(sums).count == 1)
  }

  /// Of gradients that are set to zero nothing is left, whichever operation is the first to add to them afterwards.
  @Test(arguments: ProductPrecision.allCases) func gradientsSetToZeroLeaveNoTrace(precision: ProductPrecision) throws {
    func makeStore() -> ParameterStore {
      let store = ParameterStore(on: Device(threads: 2))
      let shapes = [
        ("table", [11, 6]), ("norm", [6]), ("weight", [9, 6]), ("bias", [9]), ("head", [12, 9]), ("seeded", [3, 2]),
      ]
      for (name, shape) in shapes {
        _ = store.root.parameter(name, shape, .normal(standardDeviation: 0.5), decays: false)
      }
      var generator = SeededGenerator(seed: 7)
      store.initialize(using: &generator)
      return store
    }
    func addGradients(to store: ParameterStore, ids: [Int32], rows: [Int32]) {
      let values = store.parameters.map(\.value)
      let hidden = values[0].embedding(ids).rmsNorm(values[1], epsilon: 1e-5)
        .linear(values[2], bias: values[3], precision: precision)
      let head = VocabularyProjection(hidden: hidden, head: .dense(values[4]), precision: precision)
      let backward = BackwardPass()
      _ = head.mapLogits(rows: rows, backward: backward) { _, logits, _, _ in logits[0] += 1 }
      backward.add(Tensor([1, 2, 3, 4, 5, 6], shape: [3, 2], on: store.device), to: values[5])
      backward.run()
    }
    let (used, fresh) = (makeStore(), makeStore())
    addGradients(to: used, ids: [3, 10, 3, 0], rows: [0, 1, 2, 3])
    used.zeroGradients()
    for store in [used, fresh] {
      addGradients(to: store, ids: [1, 2, 1], rows: [2, 0])
      addGradients(to: store, ids: [5], rows: [0])
    }
    let expected = try #require(fresh.gradients).array()
    #expect(try #require(used.gradients).array() == expected)
    #expect(fresh.parameters.allSatisfy { $0.gradient?.array().contains { $0 != 0 } ?? false })

    used.zeroGradients()
    addGradients(to: used, ids: [4], rows: [])
    #expect(try #require(used.gradients).array().dropLast(6).allSatisfy { $0 == 0 })
    used.zeroGradients()
    #expect(used.gradientSquareSum() == 0)
  }
}
