import DurableFiles
public import TensorCore

extension EncodedMatrix {
  /// A matrix of random quantised blocks, which begins at byte `offset` of a file that is gone already: all bits are
  /// drawn but those of the scales, which lie between 2^-7 and 2^-6.
  public static func random(
    _ type: BlockType, rows: Int, columns: Int, offset: Int = 0, seed: UInt64 = 1
  ) throws -> EncodedMatrix {
    let count = MatrixEncoding.blocks(type).rowBytes(columns: columns) * rows
    var generator = SeededGenerator(seed: seed)
    var bytes = (0..<offset + count).map { _ in UInt8(truncatingIfNeeded: generator.next() >> 32) }
    for block in stride(from: offset, to: bytes.count, by: type.byteCount) {
      for place in type.scalePlaces {
        // the upper byte: sign, 5 bits of exponent, 2 of fraction
        bytes[block + place + 1] = bytes[block + place + 1] & 0x83 | 8 << 2
      }
    }
    let folder = try TemporaryFolder()
    let file = try MappedFile(contentsOf: folder.write(bytes, to: "blocks"))
    return try EncodedMatrix(
      file.elements(of: UInt8.self, at: offset, count: count), encoding: .blocks(type), rows: rows, columns: columns)
  }
}

extension BlockType {
  /// Where a block has its scales, and minimums, in half precision.
  fileprivate var scalePlaces: [Int] {
    switch self {
    case .q4_0, .q5_0, .q8_0, .iq4_NL: [0]
    case .q4_1, .q5_1, .q4_K, .q5_K: [0, 2]
    case .q2_K: [80, 82]
    case .q3_K: [108]
    case .q6_K: [208]
    }
  }
}

extension OperationCase {
  /// x [rows, inputs], by a frozen weight [outputs, inputs] of quantised blocks.
  public static func quantisedLinear(_ type: BlockType, rows: Int, inputs: Int, outputs: Int) -> OperationCase {
    // the same each time
    @Sendable func weight() -> WeightMatrix {
      guard let matrix = try? EncodedMatrix.random(type, rows: outputs, columns: inputs) else {
        preconditionFailure("no file for random weights")
      }
      return .encoded(matrix)
    }
    return OperationCase(
      operation: "linear by \(type.rawValue)", sizes: "[\(rows), \(inputs)] by [\(outputs), \(inputs)]",
      inputShapes: [[rows, inputs]],
      prepare: { _ in
        let weight = weight()
        return { $0[0].linear(weight) }
      },
      reference: { inputValues in
        let values = weight().dense(on: .shared).array().map(Double.init)
        return DoubleReference.linear(inputValues[0], values, nil, inputs: inputs, outputs: outputs)
      },
      // of one row the weights' own bytes are what takes time
      work: rows == 1
        ? .elements(MatrixEncoding.blocks(type).rowBytes(columns: inputs) * outputs, bytesEach: 1)
        : .multiplyAdds(rows * inputs * outputs, backward: 1))
  }
}
