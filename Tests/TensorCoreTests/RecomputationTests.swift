import TestSupport
import Testing

@testable import TensorCore

/// Segments of which only the input is kept.
@Suite struct RecomputationTests {
  private enum Place: Hashable { case inside, product }

  /// Two matrices [8, 8] and a bias [8]; all are trained, or else those that are named.
  private struct Weights {
    let first, second: WeightMatrix
    let bias: Tensor
    let store: ParameterStore

    init(trainsFirst: Bool = true, on device: Device) {
      let store = ParameterStore(on: device)
      let shapes = [[8, 8], [8, 8], [8]]
      let parameters = shapes.enumerated().map {
        store.root.parameter("p\($0)", $1, .normal(standardDeviation: 0.5), decays: false)
      }
      var generator = SeededGenerator(seed: 4)
      store.initialize(using: &generator)
      first = trainsFirst ? parameters[0].matrix : .dense(parameters[0].value.detached)
      (second, bias, self.store) = (parameters[1].matrix, parameters[2].value, store)
    }
  }

  /// Residual and product: the input is read twice.
  private static func segment(
    _ x: Tensor, _ weights: Weights, _ observe: (Place, Tensor) -> Void
  ) -> Tensor {
    let inside = x.linear(weights.first, bias: weights.bias)
    observe(.inside, inside)
    let product = inside.gated(by: .silu, up: x).linear(weights.second)
    observe(.product, product)
    return x.adding(product, scaledBy: 1)
  }

  private static let rows = 6
  private static func matrix(seed: UInt64, on device: Device) -> Tensor {
    var generator = SeededGenerator(seed: seed)
    return Tensor((0..<rows * 8).map { _ in Float(generator.nextNormal()) }, shape: [rows, 8], on: device)
  }

  /// Values and gradients of two segments, one after another, of whose inside both places get gradients.
  private func bits(recomputes: Bool, trainsFirst: Bool = true, addsInside: Bool = true) throws -> [[UInt32]] {
    let device = Device(threads: 2)
    let weights = Weights(trainsFirst: trainsFirst, on: device)
    var hidden = Self.matrix(seed: 1, on: device)
    var seen: [(Place, Tensor)] = []
    for _ in 0..<2 {
      func output(_ x: Tensor, _ observe: (Place, Tensor) -> Void) -> Tensor { Self.segment(x, weights, observe) }
      hidden =
        recomputes
        ? hidden.recomputed(observe: { seen.append(($0, $1)) }, output) : output(hidden) { seen.append(($0, $1)) }
    }
    #expect(hidden.recordsGradient && seen.map(\.0) == [.inside, .product, .inside, .product])
    let backward = BackwardPass()
    backward.add(Self.matrix(seed: 2, on: device), to: hidden)
    if addsInside {
      for (index, value) in seen.enumerated() {
        backward.add(Self.matrix(seed: UInt64(10 + index), on: device), to: value.1)
      }
    }
    backward.run()
    return ([hidden] + [try #require(weights.store.gradients)]).map { $0.array().map(\.bitPattern) }
  }

  @Test(arguments: [true, false], [true, false])
  func theBitsAreThoseOfKeepingEverything(_ trainsFirst: Bool, addsInside: Bool) throws {
    let kept = try bits(recomputes: false, trainsFirst: trainsFirst, addsInside: addsInside)
    #expect(kept[1].contains { $0 != 0 })
    #expect(try bits(recomputes: true, trainsFirst: trainsFirst, addsInside: addsInside) == kept)
  }

  /// A segment whose own output has no gradient, as where a term compares only what is inside.
  @Test func gradientsInsideAloneAreCarriedOn() throws {
    func gradients(recomputes: Bool) throws -> [Float] {
      let device = Device(threads: 1)
      let weights = Weights(on: device)
      let x = Self.matrix(seed: 1, on: device)
      var inside: [Tensor] = []
      let observe = { (place: Place, value: Tensor) in if place == .inside { inside.append(value) } }
      _ =
        recomputes
        ? x.recomputed(observe: observe) { Self.segment($0, weights, $1) } : Self.segment(x, weights, observe)
      inside[0].backward(from: Self.matrix(seed: 2, on: device))
      return try #require(weights.store.gradients).array()
    }
    let kept = try gradients(recomputes: false)
    #expect(kept.contains { $0 != 0 })
    #expect(try gradients(recomputes: true) == kept)
  }

  @Test func frozenSegmentsAreComputedOnceAndRecordNothing() {
    let device = Device(threads: 1)
    let x = Self.matrix(seed: 1, on: device)
    var calls = 0
    func check(_ place: Place, _ value: Tensor) { #expect(!value.recordsGradient) }
    let out = x.recomputed(observe: check) { x, observe in
      calls += 1
      observe(.inside, x)
      return x.scaled(by: 2)
    }
    #expect(calls == 1 && !out.recordsGradient && out.array() == x.scaled(by: 2).array())
  }

  @Test func onlyInputsAreKept() {
    func peak(recomputes: Bool) -> Int {
      let device = Device(threads: 1)
      let weights = Weights(on: device)
      var hidden = Tensor.zeros([4_096, 8], on: device)
      func ignore(_ place: Place, _ value: Tensor) {}
      for _ in 0..<24 {
        hidden =
          recomputes
          ? hidden.recomputed(observe: ignore) { Self.segment($0, weights, $1) }
          : Self.segment(hidden, weights, ignore)
      }
      hidden.backward(from: Tensor.zeros(hidden.shape, on: device))
      return device.peakBytes
    }
    let (kept, recomputed) = (peak(recomputes: false), peak(recomputes: true))
    #expect(2 * recomputed < kept, "\(recomputed) bytes, and \(kept) where everything is kept")
  }
}
