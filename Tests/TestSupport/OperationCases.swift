public import TensorCore

/// One operation on inputs of given shapes, with its twin in Double: drives correctness tests, finite differences and
/// micro-benchmarks.
public struct OperationCase: Sendable, CustomStringConvertible {
  /// What is computed, and on which shapes.
  public let name: String
  /// The shape of each differentiable input.
  public let inputShapes: [[Int]]
  /// The operation.
  public let apply: @Sendable ([Tensor]) -> Tensor
  /// The same in Double.
  public let twin: @Sendable ([[Double]]) -> [Double]

  /// The name.
  public var description: String { name }

  /// Inputs drawn from a standard normal distribution.
  public func inputs(seed: UInt64) -> [[Float]] {
    var generator = SeededGenerator(seed: seed)
    return inputShapes.map { shape in (0..<shape.reduce(1, *)).map { _ in Float(generator.nextNormal()) } }
  }
}

extension OperationCase {
  /// Small cases whose sizes are no multiple of any vector or block length.
  public static let all: [OperationCase] =
    [(1, 5, 3), (7, 8, 16), (65, 17, 9)].map(linear) + [(3, 4, 5)].map(linearWithBias)
    + [(1, 7), (5, 16), (70, 9)].map(rmsNorm) + [(1, 3), (13, 5)].map(swiGLU) + [(2, 3), (9, 4)].map(sum)
    + [rotated, embedding]
    + [(1, 1, 1, 1, 2), (2, 7, 4, 4, 4), (2, 5, 4, 2, 6), (1, 70, 3, 1, 2), (3, 13, 6, 3, 2)].map(causalAttention)

  private static func linear(rows: Int, inputs: Int, outputs: Int) -> OperationCase {
    OperationCase(
      name: "linear [\(rows), \(inputs)] by [\(outputs), \(inputs)]",
      inputShapes: [[rows, inputs], [outputs, inputs]],
      apply: { $0[0].linear($0[1]) },
      twin: { DoubleTwin.linear($0[0], $0[1], nil, inputs: inputs, outputs: outputs) })
  }

  private static func linearWithBias(rows: Int, inputs: Int, outputs: Int) -> OperationCase {
    OperationCase(
      name: "linear with bias [\(rows), \(inputs)] by [\(outputs), \(inputs)]",
      inputShapes: [[rows, inputs], [outputs, inputs], [outputs]],
      apply: { $0[0].linear($0[1], bias: $0[2]) },
      twin: { DoubleTwin.linear($0[0], $0[1], $0[2], inputs: inputs, outputs: outputs) })
  }

  private static func rmsNorm(rows: Int, channels: Int) -> OperationCase {
    OperationCase(
      name: "rmsNorm [\(rows), \(channels)]", inputShapes: [[rows, channels], [channels]],
      apply: { $0[0].rmsNorm($0[1], epsilon: 1e-5) },
      twin: { DoubleTwin.rmsNorm($0[0], $0[1], epsilon: Double(Float(1e-5))) })
  }

  private static func swiGLU(rows: Int, width: Int) -> OperationCase {
    OperationCase(
      name: "swiGLU [\(rows), \(width)]", inputShapes: [[rows, width], [rows, width]],
      apply: { $0[0].swiGLU($0[1]) }, twin: { DoubleTwin.swiGLU($0[0], $0[1]) })
  }

  /// x + (x + y): the gradient of x has two contributions, one of which shares its memory with y's.
  private static func sum(rows: Int, channels: Int) -> OperationCase {
    OperationCase(
      name: "sum [\(rows), \(channels)]", inputShapes: [[rows, channels], [rows, channels]],
      apply: { $0[0] + ($0[0] + $0[1]) }, twin: { zip($0[0], $0[1]).map { 2 * $0 + $1 } })
  }

  private static let rotated = OperationCase(
    name: "rotated [5, 3·4]", inputShapes: [[5, 12]],
    apply: { inputs in
      let rotary = RotaryEmbedding(frequencies: [1, 0.01], contextLength: 40, on: inputs[0].device)
      return inputs[0].rotated(by: rotary, positions: [0, 1, 2, 17, 39])
    },
    twin: {
      DoubleTwin.rotated($0[0], headSize: 4, columns: 12, theta: 10_000, positions: [0, 1, 2, 17, 39])
    })

  private static let embedding = OperationCase(
    name: "embedding of repeated ids [5, 19]", inputShapes: [[5, 19]],
    apply: { $0[0].embedding([4, 0, 4, 2, 4, 0]) },
    twin: { inputs in [4, 0, 4, 2, 4, 0].flatMap { inputs[0][$0 * 19..<($0 + 1) * 19] } })

  private static func causalAttention(
    batchSize: Int, length: Int, heads: Int, keyValueHeads: Int, headSize: Int
  ) -> OperationCase {
    let rows = batchSize * length
    let (query, key) = ([rows, heads * headSize], [rows, keyValueHeads * headSize])
    return OperationCase(
      name: "causalAttention B\(batchSize) T\(length) H\(heads) K\(keyValueHeads) D\(headSize)",
      inputShapes: [query, key, key],
      apply: { $0[0].causalAttention(keys: $0[1], values: $0[2], batchSize: batchSize, headSize: headSize) },
      twin: {
        DoubleTwin.causalAttention(
          $0[0], $0[1], $0[2], batchSize: batchSize, length: length, heads: heads, keyValueHeads: keyValueHeads,
          headSize: headSize)
      })
  }
}
