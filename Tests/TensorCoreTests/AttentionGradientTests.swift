import TensorCore
import TestSupport
import Testing

/// Attention of larger shapes than those of `OperationCase.all`: values, and gradients along random directions, each of
/// which needs two evaluations of the reference, and not two for every element.
@Suite struct AttentionGradientTests {
  /// Heads that are narrow and wide, shared by one to four query heads, and sequences around the lengths of blocks of
  /// queries, with windows that are shorter and longer than they are.
  static let cases: [OperationCase] = [
    ([129], 2, 1, AttentionRule(headSize: 6, window: 1)),
    ([64, 65], 2, 2, AttentionRule(headSize: 10, window: 2)),
    ([31, 130], 4, 1, AttentionRule(headSize: 8, window: 31)),
    ([100], 4, 2, AttentionRule(headSize: 48, window: 32)),
    ([33, 97], 2, 1, AttentionRule(headSize: 64, window: 33)),
    ([66], 1, 1, AttentionRule(headSize: 256, window: 64)),
    ([190, 32], 2, 1, AttentionRule(headSize: 16, window: 100)),
    ([32, 63], 3, 1, AttentionRule(headSize: 24, window: 1_000)),
    ([65], 2, 1, AttentionRule(headSize: 128, scale: 0.05, cap: 50)),
    ([140], 4, 4, AttentionRule(headSize: 12, scale: 0.5, cap: 1.5, window: 45)),
  ].map { OperationCase.causalAttention(lengths: $0, heads: $1, keyValueHeads: $2, rule: $3) }

  @Test(arguments: cases) func gradientsEqualFiniteDifferencesAlongDirections(_ operation: OperationCase) throws {
    let inputs = operation.inputs(seed: 1)
    let doubles = inputs.map { $0.map(Double.init) }
    let expected = operation.reference(doubles)
    var generator = SeededGenerator(seed: 2)
    let cotangent = expected.indices.map { _ in Float(generator.nextNormal()) }
    // of each input alone, and of some of its elements alone
    let directions = inputs.indices.flatMap { input in
      [1, 13].map { step in
        inputs.indices.map { index in
          inputs[index].indices.map { index == input && $0 % step == 0 ? generator.nextNormal() : 0 }
        }
      }
    }
    let slopes = directions.map { direction -> Double in
      let step = 1e-5
      func value(_ sign: Double) -> Double {
        let moved = zip(doubles, direction).map { input, direction in
          zip(input, direction).map { $0 + sign * step * $1 }
        }
        return zip(operation.reference(moved), cotangent).reduce(0) { $0 + $1.0 * Double($1.1) }
      }
      return (value(1) - value(-1)) / (2 * step)
    }
    for kind in MatrixBackendKind.available {
      let store = ParameterStore(on: try Device(threads: 2, backend: kind))
      let parameters = operation.inputShapes.enumerated().map {
        store.root.parameter("input\($0)", $1, .zeros, decays: false)
      }
      var values = inputs.makeIterator()
      store.load { .dense(Tensor(values.next() ?? [], shape: $0.shape, on: store.device)) }
      let out = operation.apply(parameters.map(\.value))
      #expect(relativeError(out.array(), expected) < 2e-6, "\(kind)")
      out.backward(from: Tensor(cotangent, shape: out.shape, on: store.device))
      let gradients = try parameters.map { try #require($0.gradient).array() }
      for (direction, slope) in zip(directions, slopes) {
        var (found, squares) = (0.0, 0.0)
        for (gradient, direction) in zip(gradients, direction) {
          for (gradient, direction) in zip(gradient, direction) {
            found += Double(gradient) * direction
            squares += Double(gradient) * Double(gradient) * direction * direction
          }
        }
        // the sum's terms have either sign, and all may be 0
        #expect(abs(found - slope) < 1e-5 * max(1, squares.squareRoot()), "\(kind)")
      }
    }
  }
}
