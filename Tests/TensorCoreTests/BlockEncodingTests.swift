import Foundation
import TestSupport
import Testing

@testable import TensorCore

/// Weights into quantised blocks, beside ggml's own quantiser (make_gguf_encoding_fixtures.py) and plain formulas.
@Suite("Weights into blocks") struct BlockEncodingTests {
  private struct Golden: Decodable {
    /// Little-endian float32.
    let weights: Data
    let blocks: Data
  }

  private static func golden(_ type: BlockType) throws -> (weights: [Float], blocks: [UInt8]) {
    let all = try JSONDecoder().decode(
      [String: Golden].self, from: Data(contentsOf: ModelFixture.root.appendingPathComponent("gguf_encodings.json")))
    let golden = try #require(all[type.rawValue.uppercased()])
    let weights = golden.weights.withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: 4).map {
        Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)))
      }
    }
    return (weights, Array(golden.blocks))
  }

  private func encode(_ weights: [Float], _ type: BlockType) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xAA, count: weights.count / type.length * type.byteCount)
    var span = bytes.mutableSpan
    type.encode(weights.span, into: &span)
    return bytes
  }

  private func decode(_ blocks: [UInt8], _ type: BlockType) -> [Float] {
    var weights = [Float](repeating: 0, count: blocks.count / type.byteCount * type.length)
    var span = weights.mutableSpan
    MatrixEncoding.blocks(type).decode(blocks.span.bytes, into: &span)
    return weights
  }

  static let types = BlockType.allCases.filter(\.isEncodable)

  @Test("Q8_0 and Q4_0 have the bits of ggml's reference", arguments: [BlockType.q8_0, .q4_0])
  func bits(type: BlockType) throws {
    let golden = try Self.golden(type)
    #expect(golden.weights.count >= 64 * type.length)
    #expect(encode(golden.weights, type) == golden.blocks)
  }

  /// Σ w (x − x̂)² of each block, in Double, weighted as ggml weights it.
  private func errors(_ weights: [Float], _ decoded: [Float], _ type: BlockType) -> [Double] {
    let part = type == .q6_K ? 16 : 32
    return stride(from: 0, to: weights.count, by: type.length).map { block in
      stride(from: block, to: block + type.length, by: part).reduce(0.0) { total, start in
        let range = start..<start + part
        let size = (weights[range].reduce(0.0) { $0 + pow(Double($1), 2) } / Double(part)).squareRoot()
        return total
          + range.reduce(0.0) { sum, place in
            let x = Double(weights[place])
            let weight = type == .q6_K ? x * x : size + abs(x)
            return sum + weight * pow(x - Double(decoded[place]), 2)
          }
      }
    }
  }

  @Test("The error of Q4_K and Q6_K is not above ggml's", arguments: [BlockType.q4_K, .q6_K])
  func searches(type: BlockType) throws {
    let golden = try Self.golden(type)
    let own = errors(golden.weights, decode(encode(golden.weights, type), type), type)
    let theirs = errors(golden.weights, decode(golden.blocks, type), type)
    let (sum, other) = (own.reduce(0, +), theirs.reduce(0, +))
    #expect(sum <= other, "\(sum / other)")
    // block by block, too, nearly everywhere
    #expect(zip(own, theirs).count { $0 > $1 * 1.02 } * 20 <= own.count)
  }

  /// d and the integers of a block of 32, in Double, from ggml's formulas.
  private func reference(_ x: [Float], _ type: BlockType) -> (d: Double, q: [Int]) {
    let most = x.max { abs($0) < abs($1) }.map { Double($0) } ?? 0
    if type == .q8_0 {
      let d = abs(most) / 127
      return (d, x.map { d == 0 ? 0 : Int((Double($0) / d).rounded(.toNearestOrAwayFromZero)) })
    }
    let d = most / -8
    return (d, x.map { d == 0 ? 0 : min(15, Int(Double($0) / d + 8.5)) - 8 })
  }

  @Test("Blocks of 32 are the formulas, but for what float32 rounds", arguments: [BlockType.q8_0, .q4_0])
  func formulas(type: BlockType) {
    var random = SeededGenerator(seed: 9)
    for scale in [1e-3, 1, 300.0] {
      for _ in 0..<200 {
        let x = (0..<32).map { _ in Float(random.nextNormal() * scale) }
        let (d, q) = reference(x, type)
        let found = decode(encode(x, type), type)
        for (value, integer) in zip(found, q) {
          // half precision has 11 digits; an integer beside a boundary may be the next one
          #expect(abs(Double(value) - d * Double(integer)) <= abs(d) * (1 + Double(abs(integer)) / 2000) + 1e-7)
        }
        let differing = zip(found, q).count { abs(Double($0.0) - d * Double($0.1)) > abs(d) / 2 }
        #expect(differing <= 1)
      }
    }
  }

  @Test("What blocks hold is encoded as it is", arguments: types)
  func fixedPoints(type: BlockType) throws {
    // scales and integers at the ends of their ranges in each part
    let part = type == .q6_K ? 16 : 32
    var random = SeededGenerator(seed: 2)
    let x = (0..<type.length * 8).map { place -> Float in
      switch type {
      case .q8_0: place % part == 0 ? 127 : Float(Int.random(in: -127...127, using: &random))
      case .q4_0: place % part == 0 ? -8 : Float(Int.random(in: -8...7, using: &random))
      case .q4_K: 63 * (place % part < 2 ? [-1, 14][place % part] : Float(Int.random(in: -1...14, using: &random)))
      default: 128 * (place % part == 0 ? -32 : Float(Int.random(in: -32...31, using: &random)))
      }
    }
    let blocks = encode(x, type)
    #expect(decode(blocks, type) == x)
    #expect(encode(decode(blocks, type), type) == blocks)
  }

  @Test("Zeros, tiny and equal weights", arguments: types)
  func edges(type: BlockType) {
    let zeros = [Float](repeating: 0, count: type.length)
    #expect(decode(encode(zeros, type), type) == zeros)
    #expect(decode(encode(zeros.map { _ in 1e-30 }, type), type).allSatisfy { abs($0) <= 1e-7 })
    for value: Float in [1, -1, 65_504, -65_504] {
      let same = zeros.map { _ in value }
      #expect(decode(encode(same, type), type).allSatisfy { abs($0 - value) <= 0.002 * abs(value) }, "\(value)")
    }
    var one = zeros
    one[type.length - 1] = 3
    #expect(zip(decode(encode(one, type), type), one).allSatisfy { abs($0 - $1) <= 0.02 })
  }

  @Test("The bytes do not depend on threads", arguments: types)
  func threads(type: BlockType) {
    var random = SeededGenerator(seed: 4)
    let x = (0..<type.length * 900).map { _ in Float(random.nextNormal()) }
    let one = MatrixEncoding.blocks(type).encode(x, on: Device(threads: 1))
    #expect(one == encode(x, type))
    #expect(MatrixEncoding.blocks(type).encode(x, on: Device(threads: 3)) == one)
    #expect(MatrixEncoding.plain(.float32).encode(x, on: Device(threads: 3)).count == 4 * x.count)
  }
}
