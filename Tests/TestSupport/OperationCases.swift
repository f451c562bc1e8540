public import TensorCore

/// One operation on inputs of given shapes, with the same in Double: drives correctness tests, finite differences,
/// every backend, and the micro-benchmarks, which time the operations of `all` at the sizes of `timed`.
public struct OperationCase: Sendable, CustomStringConvertible {
  /// What is computed.
  public let operation: String
  /// And on which shapes.
  public let sizes: String
  /// The shape of each differentiable input.
  public let inputShapes: [[Int]]
  /// The operation on a device, after what it needs to be done once.
  public let prepare: @Sendable (Device) -> ([Tensor]) -> Tensor
  /// The same in Double.
  public let reference: @Sendable ([[Double]]) -> [Double]
  /// What it does at least, for a rate.
  public let work: Work

  /// What a call does.
  public enum Work: Sendable {
    /// Products of so many multiply-adds, and of `backward` times as many more for all gradients.
    case multiplyAdds(Int, backward: Double)
    /// So many elements, each with so many bytes of memory that are read or written, gradients included; one that is
    /// added to counts twice.
    case elements(Int, bytesEach: Int)
  }

  init(
    operation: String, sizes: String, inputShapes: [[Int]], apply: @escaping @Sendable ([Tensor]) -> Tensor,
    reference: @escaping @Sendable ([[Double]]) -> [Double], work: Work
  ) {
    self.init(
      operation: operation, sizes: sizes, inputShapes: inputShapes, prepare: { _ in apply }, reference: reference,
      work: work)
  }

  init(
    operation: String, sizes: String, inputShapes: [[Int]],
    prepare: @escaping @Sendable (Device) -> ([Tensor]) -> Tensor,
    reference: @escaping @Sendable ([[Double]]) -> [Double], work: Work
  ) {
    self.operation = operation
    self.sizes = sizes
    self.inputShapes = inputShapes
    self.prepare = prepare
    self.reference = reference
    self.work = work
  }

  /// The operation.
  public func apply(_ inputs: [Tensor]) -> Tensor { prepare(inputs[0].device)(inputs) }

  /// The operation and the shapes.
  public var description: String { "\(operation) \(sizes)" }

  /// Inputs drawn from a standard normal distribution.
  public func inputs(seed: UInt64) -> [[Float]] {
    var generator = SeededGenerator(seed: seed)
    return inputShapes.map { shape in (0..<shape.reduce(1, *)).map { _ in Float(generator.nextNormal()) } }
  }
}

extension OperationCase {
  /// Small cases whose sizes are no multiple of any vector or block length.
  public static let all: [OperationCase] =
    [(1, 5, 3), (7, 8, 16), (65, 17, 9)].map { linear(rows: $0, inputs: $1, outputs: $2) }
    + [(3, 4, 5)].map { linear(rows: $0, inputs: $1, outputs: $2, hasBias: true) }
    + [BlockType.q8_0, .q5_0, .q4_K, .q6_K].map { quantisedLinear($0, rows: 1, inputs: 256, outputs: 5) }
    + [quantisedLinear(.q8_0, rows: 13, inputs: 32, outputs: 5)]
    + [(1, 3, 2, 5), (67, 9, 4, 18)].map { lowRank(rows: $0, inputs: $1, rank: $2, outputs: $3) }
    + rowCases
    + [(1, 1, 1, 1, 2), (2, 7, 4, 4, 4), (2, 5, 4, 2, 6), (1, 70, 3, 1, 2), (3, 13, 6, 3, 2)].map {
      causalAttention(
        batchSize: $0, length: $1, heads: $2, keyValueHeads: $3, rule: AttentionRule(headSize: $4))
    }
    + [([3, 70, 1], 2, 1, 4), ([1, 9, 2, 6], 4, 2, 2)].map {
      causalAttention(lengths: $0, heads: $1, keyValueHeads: $2, rule: AttentionRule(headSize: $3))
    }
    + attentionRules.map { causalAttention(lengths: $0, heads: $1, keyValueHeads: $2, rule: $3) }

  /// Windows around the length of a block of queries, with sequences that are shorter and longer than they are; soft
  /// caps where they bend much and little; scales of their own; all of it together.
  private static let attentionRules: [([Int], Int, Int, AttentionRule)] = [
    ([1, 40, 3], 2, 1, AttentionRule(headSize: 2, window: 1)),
    ([67], 1, 1, AttentionRule(headSize: 2, window: 2)),
    ([5, 68], 1, 1, AttentionRule(headSize: 2, window: 31)),
    ([70], 1, 1, AttentionRule(headSize: 2, window: 32)),
    ([67], 1, 1, AttentionRule(headSize: 2, window: 33)),
    ([66], 1, 1, AttentionRule(headSize: 2, window: 64)),
    ([20, 1], 3, 1, AttentionRule(headSize: 4, window: 100)),
    ([25], 2, 1, AttentionRule(headSize: 6, cap: 0.5)),
    ([3, 40], 2, 2, AttentionRule(headSize: 2, cap: 50)),
    ([9, 12], 4, 2, AttentionRule(headSize: 4, scale: 1.3)),
    ([72, 4], 2, 1, AttentionRule(headSize: 2, scale: 0.7, cap: 1.5, window: 19)),
  ]

  /// x [rows, inputs], weight [outputs, inputs], bias [outputs]
  public static func linear(
    rows: Int, inputs: Int, outputs: Int, hasBias: Bool = false, precision: ProductPrecision = .float32
  ) -> OperationCase {
    let bias = hasBias ? " with bias" : ""
    return OperationCase(
      operation: "linear\(bias)", sizes: "[\(rows), \(inputs)] by [\(outputs), \(inputs)]",
      inputShapes: [[rows, inputs], [outputs, inputs]] + (hasBias ? [[outputs]] : []),
      apply: { $0[0].linear($0[1], bias: hasBias ? $0[2] : nil, precision: precision) },
      reference: { DoubleReference.linear($0[0], $0[1], hasBias ? $0[2] : nil, inputs: inputs, outputs: outputs) },
      // of few rows each weight is read once, which takes longer than the products
      work: rows <= Device.uniformRows
        ? .elements(inputs * outputs, bytesEach: 4) : .multiplyAdds(rows * inputs * outputs, backward: 2))
  }

  /// x [rows, inputs], weight [outputs, inputs], and an adapter of it: down [rank, inputs], up [outputs, rank].
  public static func lowRank(rows: Int, inputs: Int, rank: Int, outputs: Int) -> OperationCase {
    OperationCase(
      operation: "linear with adapter", sizes: "[\(rows), \(inputs)] by [\(outputs), \(rank)] [\(rank), \(inputs)]",
      inputShapes: [[rows, inputs], [outputs, inputs], [rank, inputs], [outputs, rank]],
      apply: {
        $0[0].linear($0[1]).adding($0[0].linear($0[2]).scaled(by: 0.5), timesTransposed: $0[3], precision: .float32)
      },
      reference: { values in
        let low = DoubleReference.linear(values[0], values[2], nil, inputs: inputs, outputs: rank).map { 0.5 * $0 }
        let added = DoubleReference.linear(low, values[3], nil, inputs: rank, outputs: outputs)
        return zip(DoubleReference.linear(values[0], values[1], nil, inputs: inputs, outputs: outputs), added).map(+)
      },
      work: .multiplyAdds(rows * (inputs * outputs + rank * (inputs + outputs)), backward: 2))
  }

  /// Sequences of several lengths, one after another.
  public static func causalAttention(
    lengths: [Int], heads: Int, keyValueHeads: Int, rule: AttentionRule
  ) -> OperationCase {
    let (width, keyWidth) = (heads * rule.headSize, keyValueHeads * rule.headSize)
    let rows = lengths.reduce(0, +)
    return OperationCase(
      operation: "causalAttention", sizes: "T\(lengths) H\(heads) K\(keyValueHeads) \(rule.sizes)",
      inputShapes: [[rows, width], [rows, keyWidth], [rows, keyWidth]],
      apply: { $0[0].causalAttention(keys: $0[1], values: $0[2], lengths: lengths, rule: rule) },
      reference: { inputs in
        var (start, out) = (0, [Double]())
        for length in lengths {
          func part(_ input: Int, _ width: Int) -> [Double] {
            Array(inputs[input][start * width..<(start + length) * width])
          }
          out += DoubleReference.causalAttention(
            part(0, width), part(1, keyWidth), part(2, keyWidth), batchSize: 1, length: length, heads: heads,
            keyValueHeads: keyValueHeads, rule: rule)
          start += length
        }
        return out
      },
      // two products with each key that a token sees; the backward pass has five for the two of the forward pass
      work: .multiplyAdds(
        lengths.reduce(0) { sum, length in (0..<length).reduce(sum) { $0 + 2 * min($1 + 1, rule.window ?? .max) } }
          * width, backward: 2.5))
  }

  /// Queries [batchSize · length, heads · D], keys and values [batchSize · length, keyValueHeads · D]
  public static func causalAttention(
    batchSize: Int, length: Int, heads: Int, keyValueHeads: Int, rule: AttentionRule
  ) -> OperationCase {
    let rows = batchSize * length
    let (query, key) = ([rows, heads * rule.headSize], [rows, keyValueHeads * rule.headSize])
    let lengths = Array(repeating: length, count: batchSize)
    let other = causalAttention(lengths: lengths, heads: heads, keyValueHeads: keyValueHeads, rule: rule)
    return OperationCase(
      operation: other.operation, sizes: "B\(batchSize) T\(length) H\(heads) K\(keyValueHeads) \(rule.sizes)",
      inputShapes: [query, key, key],
      apply: { $0[0].causalAttention(keys: $0[1], values: $0[2], batchSize: batchSize, rule: rule) },
      reference: {
        DoubleReference.causalAttention(
          $0[0], $0[1], $0[2], batchSize: batchSize, length: length, heads: heads, keyValueHeads: keyValueHeads,
          rule: rule)
      }, work: other.work)
  }
}

extension AttentionRule {
  /// What it says, for people.
  fileprivate var sizes: String {
    var sizes = "D\(headSize)"
    if self.scale != AttentionRule(headSize: headSize).scale { sizes += " scale \(scale)" }
    if let cap { sizes += " cap \(cap)" }
    if let window { sizes += " W\(window)" }
    return sizes
  }
}
