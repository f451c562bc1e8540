import CKernels

/// A library of matrix products on the calling thread, a value of `Device`: every part of every larger product ends
/// here.
///
/// A conformer has no state that is counted or allocated: it is called once per tile, by every worker.
protocol MatrixBackend: Sendable {
  /// Which of them it is.
  var kind: MatrixBackendKind { get }

  /// The kernels that it computes with, for people, such as "AVX2", or "SkylakeX" of OpenBLAS.
  var kernel: String { get }

  /// Floats of scratch memory that a product on one thread needs.
  var scratchCount: Int { get }

  /// Whether what comes of a row does not depend on how many rows are multiplied together, of more than 48. Only then
  /// may work be cut in other ways than by the shapes of whole products: sequences be shared out among threads, or rows
  /// be computed once for several uses.
  var rowsAreIndependent: Bool { get }

  /// Whether the CPU runs `BFloat16Product`, whose factors may be rounded and packed beforehand.
  var packsBFloat16: Bool { get }

  /// The vectors whose kernel of one row and quantised blocks gives the bits of `multiplyFewRows`; nil where none does.
  var blockVectors: limbeck_vectors? { get }

  /// c[m, n] = a[m, k] · b[k, n], or += where `adds`; rows of c lie `stride` apart, and k ≥ 1. A result that is too
  /// large for the caches anyway `streams` past them, as far as the backend and the memory of c allow.
  func multiply(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, streams: Bool, _ a: MatrixView, _ b: MatrixView,
    m: Int, n: Int, k: Int, scratch: UnsafeMutablePointer<Float>)

  /// The same of up to `Device.uniformRows` rows of a and rows of bᵀ that each lie in one line: each row of c has the
  /// same bits alone and beside others.
  func multiplyFewRows(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, _ a: MatrixView, _ b: MatrixView, m: Int, n: Int,
    k: Int, scratch: UnsafeMutablePointer<Float>)

  /// As `multiply`, of factors that are rounded to bfloat16.
  func multiplyRounded(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, streams: Bool, _ a: MatrixView, _ b: MatrixView,
    m: Int, n: Int, k: Int, scratch: UnsafeMutablePointer<Float>)
}

extension MatrixBackend {
  /// c[m, n] = a[m, k] · b[k, n], or += where `adds`, of factors that are rounded to `precision`; rows of c lie
  /// `stride` apart, and k ≥ 1. `scratch` has room for `scratchCount` floats.
  func product(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, streams: Bool = false, _ a: MatrixView,
    _ b: MatrixView, m: Int, n: Int, k: Int, precision: ProductPrecision = .float32,
    scratch: UnsafeMutablePointer<Float>
  ) {
    switch precision {
    case .float32 where m <= Device.uniformRows && a.columnStride == 1 && b.rowStride == 1:
      multiplyFewRows(into: c, stride: stride, adds: adds, a, b, m: m, n: n, k: k, scratch: scratch)
    case .float32:
      multiply(into: c, stride: stride, adds: adds, streams: streams, a, b, m: m, n: n, k: k, scratch: scratch)
    case .bfloat16:
      multiplyRounded(into: c, stride: stride, adds: adds, streams: streams, a, b, m: m, n: n, k: k, scratch: scratch)
    }
  }

  var packsBFloat16: Bool { false }
  var blockVectors: limbeck_vectors? { nil }

  /// By products in float32 of rounded copies.
  func multiplyRounded(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, streams: Bool, _ a: MatrixView, _ b: MatrixView,
    m: Int, n: Int, k: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    let (left, right) = (RoundedMatrix(a, rows: m, columns: k), RoundedMatrix(b, rows: k, columns: n))
    product(
      into: c, stride: stride, adds: adds, streams: streams, left.view, right.view, m: m, n: n, k: k, scratch: scratch)
    withExtendedLifetime((left, right)) {}
  }
}

/// A copy of a matrix, rounded to bfloat16: what a backend without the instructions multiplies.
///
/// Invariant: `copy` has rows · columns elements, row-major if the original is, and lives as long as this object.
private final class RoundedMatrix {
  private let copy: UnsafeMutablePointer<Float>
  let view: MatrixView

  init(_ matrix: MatrixView, rows: Int, columns: Int) {
    copy = .allocate(capacity: rows * columns)
    let isTransposed = matrix.columnStride != 1
    let (lines, length) = isTransposed ? (columns, rows) : (rows, columns)
    for line in 0..<lines {
      limbeck_round_bf16(
        copy + line * length, matrix.pointer + line * max(matrix.rowStride, matrix.columnStride), length)
    }
    let straight = MatrixView(copy, stride: length)
    view = isTransposed ? straight.transposed : straight
  }

  deinit { copy.deallocate() }
}
