public import TensorCore

/// An operation at the sizes of the reference step (8 × 256 tokens, a teacher of width 288, a student of width 144), or
/// of generation, where its speed shows.
public struct TimedCase: Sendable {
  /// The operation at that size.
  public let operation: OperationCase
  /// Which of these sizes, such as "teacher's head".
  public let place: String
  /// What the factors of products are rounded to.
  public let precision: ProductPrecision
  /// Whether gradients are computed, too.
  public let hasBackward: Bool

  /// What is timed, for people.
  public var name: String {
    let backward = hasBackward ? " with backward" : ""
    return "\(operation.operation)\(backward), \(place), \(precision.rawValue)"
  }
}

extension OperationCase {
  private static let (batchSize, length) = (8, 256)
  private static let tokens = batchSize * length

  /// What the micro-benchmarks time.
  public static let timed: [TimedCase] = maps + vectors + quantised + rows + attentions

  /// The linear maps of both decoders over the whole batch; each forward, and forward with backward.
  private static let maps = ProductPrecision.allCases.flatMap { precision in
    [
      ("teacher 288 to 288", 288, 288), ("teacher 288 to 768", 288, 768), ("teacher 768 to 288", 768, 288),
      ("student 144 to 144", 144, 144), ("student 144 to 384", 144, 384), ("student 384 to 144", 384, 144),
    ].flatMap { place, inputs, outputs in
      [false, true].map {
        TimedCase(
          operation: linear(rows: tokens, inputs: inputs, outputs: outputs, precision: precision), place: place,
          precision: precision, hasBackward: $0)
      }
    }
  }

  /// One row times a matrix, as in generating a sequence.
  private static let vectors = [
    ("one row, teacher 288 to 768", 288, 768), ("one row, teacher's head, 288 to 32000", 288, 32_000),
    ("one row, 768 to 2048", 768, 2_048), ("one row, head, 768 to 32000", 768, 32_000),
  ].map { place, inputs, outputs in
    TimedCase(
      operation: linear(rows: 1, inputs: inputs, outputs: outputs), place: place, precision: .float32,
      hasBackward: false)
  }

  /// The matrices of Gemma 3 270M as Q4_K_M has them, for a generated token and for a batch.
  private static let quantised = [
    ("one row, 640 to 2048", BlockType.q5_0, 1, 640, 2_048), ("one row, 2048 to 640", .q4_K, 1, 2_048, 640),
    ("one row, 2048 to 640", .q6_K, 1, 2_048, 640), ("one row, head, 640 to 32000", .q8_0, 1, 640, 32_000),
    ("batch, 640 to 2048", .q5_0, tokens, 640, 2_048),
  ].map { place, type, rows, inputs, outputs in
    TimedCase(
      operation: quantisedLinear(type, rows: rows, inputs: inputs, outputs: outputs), place: place,
      precision: .float32, hasBackward: false)
  }

  /// Row by row or element by element, over the teacher's batch.
  private static let rows = [
    rmsNorm(rows: tokens, channels: 288), gated(by: .silu, rows: tokens, width: 768),
    gated(by: .geluTanh, rows: tokens, width: 768),
    rotated(rows: tokens, heads: 6, headSize: 48, positions: (0..<tokens).map { Int32($0 % length) }),
  ].map { TimedCase(operation: $0, place: "teacher", precision: .float32, hasBackward: true) }

  /// Forward for the teacher, forward with backward for the student.
  private static let attentions = [("teacher", 48, false), ("student", 24, true)].map { place, headSize, hasBackward in
    TimedCase(
      operation: causalAttention(
        batchSize: batchSize, length: length, heads: 6, keyValueHeads: 6,
        rule: AttentionRule(headSize: headSize)),
      place: place, precision: .float32, hasBackward: hasBackward)
  }
}
