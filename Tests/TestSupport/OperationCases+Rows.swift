import Foundation
public import TensorCore

/// Operations row by row, or element by element.
extension OperationCase {
  /// Of small sizes.
  static let rowCases: [OperationCase] =
    norms + gates + residuals + rotations + [
      softCapped(rows: 2, columns: 3), softCapped(rows: 70, columns: 5), embedding(scale: 1), embedding(scale: 12.5),
    ]

  private static let norms: [OperationCase] = [
    rmsNorm(rows: 1, channels: 7), rmsNorm(rows: 5, channels: 16), rmsNorm(rows: 70, channels: 9),
    rmsNorm(rows: 1, channels: 7, offset: 1), rmsNorm(rows: 70, channels: 6, parts: 3),
    rmsNorm(rows: 66, channels: 5, parts: 4, offset: 1),
  ]

  private static let gates: [OperationCase] = GateActivation.allCases.flatMap {
    [gated(by: $0, rows: 1, width: 3), gated(by: $0, rows: 13, width: 5)]
  }

  private static let residuals: [OperationCase] = [
    sum(rows: 2, channels: 3), sum(rows: 9, channels: 4), sum(rows: 9, channels: 4, scale: 0.22), scaled,
  ]

  private static let rotations: [OperationCase] = [
    rotated(rows: 5, heads: 3, headSize: 4, positions: [0, 1, 2, 17, 39]),
    rotated(rows: 5, heads: 3, headSize: 10, turned: 6, amplitude: 1.25, positions: [0, 700, 2, 17, 512]),
  ]

  /// x [rows, parts · channels], weight [channels]
  public static func rmsNorm(rows: Int, channels: Int, parts: Int = 1, offset: Float = 0) -> OperationCase {
    OperationCase(
      operation: "rmsNorm", sizes: "[\(rows), \(parts)·\(channels)] + \(offset)",
      inputShapes: [[rows, parts * channels], [channels]],
      apply: { $0[0].rmsNorm($0[1], epsilon: 1e-5, offset: offset) },
      reference: { DoubleReference.rmsNorm($0[0], $0[1], epsilon: Double(Float(1e-5)), offset: Double(offset)) },
      work: .elements(rows * parts * channels, bytesEach: 24))
  }

  /// gate and up [rows, width]
  public static func gated(by activation: GateActivation, rows: Int, width: Int) -> OperationCase {
    OperationCase(
      operation: "gated by \(activation)", sizes: "[\(rows), \(width)]", inputShapes: [[rows, width], [rows, width]],
      apply: { $0[0].gated(by: activation, up: $0[1]) },
      reference: { DoubleReference.gated($0[0], $0[1], by: activation) },
      work: .elements(rows * width, bytesEach: 40))
  }

  /// x + s·(x + s·y): the gradient of x has two contributions, one of which shares its memory with y's.
  private static func sum(rows: Int, channels: Int, scale: Float = 1) -> OperationCase {
    OperationCase(
      operation: "sum", sizes: "[\(rows), \(channels)] · \(scale)",
      inputShapes: [[rows, channels], [rows, channels]],
      apply: { $0[0].adding($0[0].adding($0[1], scaledBy: scale), scaledBy: scale) },
      reference: { inputs in
        zip(inputs[0], inputs[1]).map { (1 + Double(scale)) * $0 + Double(scale) * Double(scale) * $1 }
      },
      work: .elements(rows * channels, bytesEach: 32))
  }

  private static let scaled = OperationCase(
    operation: "scaled", sizes: "[7, 5]", inputShapes: [[7, 5]], apply: { $0[0].scaled(by: 0.3) },
    reference: { $0[0].map { Double(Float(0.3)) * $0 } }, work: .elements(7 * 5, bytesEach: 16))

  /// x [rows, columns]
  public static func softCapped(rows: Int, columns: Int) -> OperationCase {
    OperationCase(
      operation: "softCapped", sizes: "[\(rows), \(columns)]", inputShapes: [[rows, columns]],
      apply: { $0[0].softCapped(at: 0.75) }, reference: { $0[0].map { 0.75 * tanh($0 / 0.75) } },
      work: .elements(rows * columns, bytesEach: 20))
  }

  /// x [rows, heads · headSize], each row at a position of its own; all channels are turned by default.
  public static func rotated(
    rows: Int, heads: Int, headSize: Int, turned: Int? = nil, amplitude: Double = 1, positions: [Int32]
  ) -> OperationCase {
    let contextLength = Int(positions.max() ?? 0) + 1
    let frequencies = DoubleReference.frequencies(theta: 10_000, of: turned ?? headSize)
    return OperationCase(
      operation: "rotated", sizes: "[\(rows), \(heads)·\(headSize)], \(2 * frequencies.count) turned",
      inputShapes: [[rows, heads * headSize]],
      prepare: { device in
        let embedding = RotaryEmbedding(
          frequencies: frequencies, headSize: headSize, amplitude: amplitude, contextLength: contextLength, on: device)
        let rotations = TokenRotations(positions, by: embedding)
        return { $0[0].rotated(by: rotations) }
      },
      reference: {
        DoubleReference.rotated(
          $0[0], headSize: headSize, columns: heads * headSize, frequencies: frequencies, amplitude: amplitude,
          positions: positions)
      }, work: .elements(rows * heads * headSize, bytesEach: 20))
  }

  private static func embedding(scale: Float) -> OperationCase {
    OperationCase(
      operation: "embedding", sizes: "of repeated ids [5, 19] · \(scale)", inputShapes: [[5, 19]],
      apply: { $0[0].embedding([4, 0, 4, 2, 4, 0], scaledBy: scale) },
      reference: { inputs in
        [4, 0, 4, 2, 4, 0].flatMap { inputs[0][$0 * 19..<($0 + 1) * 19].map { Double(scale) * $0 } }
      },
      work: .elements(6 * 19, bytesEach: 20))
  }
}
