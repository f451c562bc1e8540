import CKernels
import Foundation
import TestSupport
import Testing

@testable import TensorCore

/// Quantised blocks beside gguf-py, another implementation of their formats (make_gguf_block_fixtures.py).
@Suite("Quantised blocks") struct BlockTypeTests {
  private struct Golden: Decodable {
    let blocks: Data
    let weights: Data
  }

  private static func golden() throws -> [String: Golden] {
    try JSONDecoder().decode(
      [String: Golden].self, from: Data(contentsOf: ModelFixture.root.appendingPathComponent("gguf_blocks.json")))
  }

  /// What this CPU decodes with, and without, vectors.
  private static let levels = [LIMBECK_NO_VECTORS, LIMBECK_AVX2, LIMBECK_AVX512].filter {
    $0.rawValue <= limbeck_best_vectors().rawValue
  }

  /// The weights of whole blocks that begin at byte `offset` of their memory.
  private func decode(_ blocks: Data, _ type: BlockType, offset: Int = 0, _ vectors: limbeck_vectors) -> [Float] {
    let count = blocks.count / type.byteCount * type.length
    let bytes = [UInt8](repeating: 0, count: offset) + blocks
    return [Float](unsafeUninitializedCapacity: count) { floats, initializedCount in
      bytes.withUnsafeBytes { bytes in
        guard let start = bytes.baseAddress, let floats = floats.baseAddress else { return }
        type.decode(start + offset, count, into: floats, vectors: vectors)
      }
      initializedCount = count
    }
  }

  @Test("Weights have the bits of gguf-py's", arguments: BlockType.allCases)
  func weights(type: BlockType) throws {
    let golden = try #require(Self.golden()[type.rawValue.uppercased()])
    let expected = golden.weights.withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: 4).map {
        UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self))
      }
    }
    #expect(golden.blocks.count == expected.count / type.length * type.byteCount)
    for vectors in Self.levels {
      for offset in 0..<3 {
        #expect(decode(golden.blocks, type, offset: offset, vectors).map(\.bitPattern) == expected, "\(vectors)")
      }
    }
  }

  @Test("Vectors decode any bytes as plain loops do", arguments: BlockType.allCases)
  func vectors(type: BlockType) {
    var generator = SeededGenerator(seed: 4)
    for count in [0, 1, 2, 3, 5, 500] {
      let blocks = Data((0..<count * type.byteCount).map { _ in UInt8(truncatingIfNeeded: generator.next() >> 32) })
      let expected = decode(blocks, type, LIMBECK_NO_VECTORS)
      for vectors in Self.levels {
        let found = decode(blocks, type, vectors)
        // infinite scales times 0 are some NaN
        let differs = zip(found, expected).contains { $0.bitPattern != $1.bitPattern && !($0.isNaN && $1.isNaN) }
        #expect(found.count == expected.count && !differs, "\(count) blocks, \(vectors)")
      }
    }
  }

  /// Rows of W that are no, one or several groups whose sums are stored together, of lengths beyond the parts in which
  /// they are summed.
  @Test("One row times blocks has the bits of few rows", arguments: BlockType.allCases)
  func oneRow(type: BlockType) throws {
    for (outputs, inputs) in [(1, 256), (7, 768), (8, 1_024), (37, 512), (3, 12_544)] {
      let matrix = try EncodedMatrix.random(type, rows: outputs, columns: inputs, offset: 1)
      let device = Device(threads: 1)
      let dense = matrix.dense(on: device)
      var generator = SeededGenerator(seed: 5)
      let x = Tensor((0..<inputs).map { _ in Float(generator.nextNormal()) }, shape: [1, inputs], on: device)
      let scratch = Tensor.zeros([Int(LIMBECK_PRODUCT_SCRATCH) / 4], on: device)
      for vectors in Self.levels where vectors != LIMBECK_NO_VECTORS {
        for adds in [false, true] {
          let (found, expected) = (
            Tensor(Array(repeating: 0.3, count: outputs), shape: [1, outputs], on: device),
            Tensor(Array(repeating: 0.3, count: outputs), shape: [1, outputs], on: device)
          )
          #expect(matrix.multiplyRow(x.pointer, 0..<outputs, into: found.pointer, adds: adds, vectors: vectors))
          limbeck_few_rows(
            vectors, expected.pointer, outputs, adds ? 1 : 0, x.pointer, inputs, 1, dense.pointer, inputs, outputs,
            inputs, scratch.pointer)
          #expect(found.array() == expected.array(), "[\(outputs), \(inputs)], \(vectors)")
        }
      }
    }
  }

  @Test("A row is a whole number of blocks long") func rowBytes() {
    #expect(MatrixEncoding.blocks(.q8_0).rowBytes(columns: 640) == 680)
    #expect(MatrixEncoding.blocks(.q4_K).rowBytes(columns: 2_048) == 1_152)
    #expect(MatrixEncoding.plain(.bfloat16).rowBytes(columns: 7) == 14)
  }
}
