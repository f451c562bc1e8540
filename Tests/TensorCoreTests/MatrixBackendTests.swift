import CKernels
import Foundation
import Testing

@testable import TensorCore

/// Products of every backend that this machine has, against sums in Double, with neighbours that must stay as they are.
@Suite struct MatrixBackendTests {
  struct Shape: CustomStringConvertible {
    let m: Int
    let n: Int
    let k: Int
    let isLeftTransposed: Bool
    let isRightTransposed: Bool
    let adds: Bool
    var streams = false
    /// From one row of the result to the next: as unlike cache lines as can be, or whole ones, which streaming needs.
    var resultStride: Int { streams ? (n + 20) / 16 * 16 : n + 5 }
    var description: String {
      let factors = "[\(m), \(k)]\(isLeftTransposed ? "ᵀ" : "") · [\(k), \(n)]\(isRightTransposed ? "ᵀ" : "")"
      return factors + (adds ? ", added" : streams ? ", streamed" : "")
    }
  }

  /// Every edge of tiles (8 × 48, 6 × 16), vectors (16, 8), panels (512, 320, or 3,242 for few rows) and packed blocks
  /// (256, 258), and one query with the keys of heads of the usual sizes.
  static let shapes: [Shape] = {
    let sizes = [
      (1, 1, 1), (1, 48, 7), (2, 17, 2), (5, 100, 33), (7, 47, 3), (8, 48, 16), (9, 49, 17), (16, 31, 64),
      (33, 96, 144),
      (6, 15, 319), (13, 7, 321), (259, 17, 9), (47, 50, 511), (48, 16, 513), (49, 15, 1025), (60, 143, 31),
      (256, 48, 12), (300, 20, 1_100), (513, 3, 5),
      (3, 20, 3_243), (1, 37, 32), (1, 20, 48), (1, 16, 64),
    ]
    return sizes.enumerated().flatMap { index, size in
      (0..<4).map {
        Shape(
          m: size.0, n: size.1, k: size.2, isLeftTransposed: $0 & 1 == 1, isRightTransposed: $0 & 2 == 2,
          adds: (index + $0) % 3 == 0)
      }
        + (0..<4).map {
          Shape(
            m: size.0, n: size.1, k: size.2, isLeftTransposed: $0 & 1 == 1, isRightTransposed: $0 & 2 == 2, adds: false,
            streams: true)
        }
    }
  }()

  @Test(arguments: shapes, MatrixBackendKind.available)
  func productsAreThoseOfDouble(shape: Shape, kind: MatrixBackendKind) throws {
    let backend = try kind.backend()
    for precision in ProductPrecision.allCases {
      check(shape, roundedTo: precision, on: backend) { c, stride, a, b, scratch in
        backend.product(
          into: c, stride: stride, adds: shape.adds, streams: shape.streams, a, b, m: shape.m, n: shape.n, k: shape.k,
          precision: precision, scratch: scratch)
      }
    }
  }

  /// Of few rows too, for which there is an order of its own.
  @Test(arguments: shapes, MatrixBackendKind.available)
  func productsInBothOrdersAreThoseOfDouble(shape: Shape, kind: MatrixBackendKind) throws {
    let backend = try kind.backend()
    check(shape, roundedTo: .float32, on: backend) { c, stride, a, b, scratch in
      backend.multiply(
        into: c, stride: stride, adds: shape.adds, streams: shape.streams, a, b, m: shape.m, n: shape.n, k: shape.k,
        scratch: scratch)
    }
    guard !shape.isLeftTransposed, shape.isRightTransposed else { return }
    let few = Shape(
      m: min(shape.m, Device.uniformRows), n: shape.n, k: shape.k, isLeftTransposed: false, isRightTransposed: true,
      adds: shape.adds)
    check(few, roundedTo: .float32, on: backend) { c, stride, a, b, scratch in
      backend.multiplyFewRows(
        into: c, stride: stride, adds: few.adds, a, b, m: few.m, n: few.n, k: few.k, scratch: scratch)
    }
  }

  /// One row or one column that lies in one line, whose stride says nothing: a BLAS wants one no shorter than the line.
  @Test(arguments: MatrixBackendKind.available, ProductPrecision.allCases)
  func vectorsMayHaveAnyStride(kind: MatrixBackendKind, precision: ProductPrecision) throws {
    let device = try Device(threads: 1, backend: kind)
    let backend = device.backend
    let scratch = WorkerScratch(backend.scratchCount, on: device)
    let vector = Tensor((0..<40).map(Float.init), shape: [40], on: device)
    let ones = Tensor([Float](repeating: 1, count: 40 * 3), shape: [40, 3], on: device)
    let sums = Tensor.zeros([1, 3], on: device)
    backend.product(
      into: sums.pointer, stride: 3, adds: false, MatrixView(vector.pointer, stride: 1).transposed,
      MatrixView(ones.pointer, stride: 3), m: 1, n: 3, k: 40, precision: precision, scratch: scratch[0])
    #expect(sums.array() == [780, 780, 780])
    backend.product(
      into: sums.pointer, stride: 1, adds: true, MatrixView(ones.pointer, stride: 3).transposed,
      MatrixView(vector.pointer, stride: 1), m: 3, n: 1, k: 40, precision: precision, scratch: scratch[0])
    #expect(sums.array() == [1_560, 1_560, 1_560])
    withExtendedLifetime((vector, ones)) {}
  }

  @Test(arguments: [(0, 3), (3, 0)], MatrixBackendKind.available) func productsWithoutElementsWriteNothing(
    size: (m: Int, n: Int), kind: MatrixBackendKind
  ) throws {
    let device = try Device(threads: 1, backend: kind)
    let factor = Tensor([Float](repeating: 1, count: 30), shape: [5, 6], on: device)
    let c = Tensor([Float](repeating: 7, count: 9), shape: [3, 3], on: device)
    let scratch = WorkerScratch(device.backend.scratchCount, on: device)
    let straight = MatrixView(factor.pointer, stride: 6)
    for left in [straight, straight.transposed] {
      device.backend.product(
        into: c.pointer, stride: 3, adds: false, left, straight, m: size.m, n: size.n, k: 4, scratch: scratch[0])
    }
    #expect(c.array() == [Float](repeating: 7, count: 9))
    withExtendedLifetime(factor) {}
  }

  @Test func roundingIsToNearestEven() {
    let one: Float = 1
    let half = Float(sign: .plus, exponent: -8, significand: 1)
    let values: [Float] = [
      one, one + half, one + 3 * half, (one + half).nextUp, -one - half, 0, -0.0, .infinity, -.infinity, .nan,
    ]
    let expected: [Float] = [
      one, one, one + 4 * half, one + 2 * half, -one, 0, -0.0, .infinity, -.infinity, .nan,
    ]
    var rounded = [Float](repeating: 9, count: values.count)
    limbeck_round_bf16(&rounded, values, values.count)
    for (found, wanted) in zip(rounded, expected) {
      #expect(found.bitPattern == wanted.bitPattern || (found.isNaN && wanted.isNaN))
    }
  }

  private func check(
    _ shape: Shape, roundedTo precision: ProductPrecision, on backend: any MatrixBackend,
    _ multiply: (
      _ c: UnsafeMutablePointer<Float>, _ stride: Int, _ a: MatrixView, _ b: MatrixView,
      _ scratch: UnsafeMutablePointer<Float>
    ) -> Void
  ) {
    let (m, n, k) = (shape.m, shape.n, shape.k)
    var generator = SeededGenerator(seed: UInt64(m * 1_000_003 + n * 1_009 + k))
    let device = Device(threads: 1)
    // rows of every operand have padding behind them that is NaN, so that reading it shows
    func operand(_ rows: Int, _ columns: Int, transposed: Bool) -> (values: Tensor, view: MatrixView) {
      let (lines, length) = transposed ? (columns, rows) : (rows, columns)
      let tensor = Tensor(uninitialized: [lines, length + 3], on: device)
      tensor.withMutableSpan { span in
        for i in span.indices { span[i] = i % (length + 3) < length ? Float(generator.nextNormal()) : .nan }
      }
      let straight = MatrixView(tensor.pointer, stride: length + 3)
      return (tensor, transposed ? straight.transposed : straight)
    }
    let (aValues, a) = operand(m, k, transposed: shape.isLeftTransposed)
    let (bValues, b) = operand(k, n, transposed: shape.isRightTransposed)
    let stride = shape.resultStride
    let c = Tensor(uninitialized: [m, stride], on: device)
    c.withMutableSpan { span in for i in span.indices { span[i] = Float(i % 17) / 8 } }
    let before = c.array()
    let scratch = WorkerScratch(backend.scratchCount, on: device)
    multiply(c.pointer, stride, a, b, scratch[0])

    func rounded(_ x: Float) -> Double {
      guard precision == .bfloat16 else { return Double(x) }
      return Double(Float(bitPattern: (x.bitPattern + 0x7fff + (x.bitPattern >> 16 & 1)) & 0xffff_0000))
    }
    var worst = 0.0
    for i in 0..<m {
      for j in 0..<n {
        var sum = shape.adds ? Double(before[i * stride + j]) : 0
        var size = abs(sum)
        for step in 0..<k {
          let product =
            rounded(a.pointer[i * a.rowStride + step * a.columnStride])
            * rounded(b.pointer[step * b.rowStride + j * b.columnStride])
          sum += product
          size += abs(product)
        }
        let difference = abs(Double(c.pointer[i * stride + j]) - sum) / max(size, 1e-30)
        worst = difference.isNaN ? .infinity : max(worst, difference)
      }
      for j in n..<stride { #expect(c.pointer[i * stride + j] == before[i * stride + j], "written behind a row") }
    }
    // each of k roundings of a partial sum is at most half a unit in the last place of Σ|a·b|
    #expect(worst < 6e-8 * Double(min(k, 16) + 4), "\(shape) in \(precision) by \(backend.kind)")
    withExtendedLifetime((aValues, bValues, c)) {}
  }
}
