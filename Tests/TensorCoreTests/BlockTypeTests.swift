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

  /// The bits of the weights of whole blocks that begin at byte `offset` of their memory.
  private func decode(_ blocks: Data, _ type: BlockType, offset: Int = 0) -> [UInt32] {
    let count = blocks.count / type.byteCount * type.length
    let bytes = [UInt8](repeating: 0, count: offset) + blocks
    return [Float](unsafeUninitializedCapacity: count) { floats, initializedCount in
      bytes.withUnsafeBytes { bytes in
        guard let start = bytes.baseAddress, let floats = floats.baseAddress else { return }
        MatrixEncoding.blocks(type).decode(start + offset, count, into: floats)
      }
      initializedCount = count
    }.map(\.bitPattern)
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
    for offset in 0..<3 { #expect(decode(golden.blocks, type, offset: offset) == expected) }
  }

  @Test("A row is a whole number of blocks long") func rowBytes() {
    #expect(MatrixEncoding.blocks(.q8_0).rowBytes(columns: 640) == 680)
    #expect(MatrixEncoding.blocks(.q4_K).rowBytes(columns: 2_048) == 1_152)
    #expect(MatrixEncoding.plain(.bfloat16).rowBytes(columns: 7) == 14)
  }
}
