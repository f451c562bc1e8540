import CKernels
import COpenBLAS

/// OpenBLAS, which is loaded when the first of these is made; it computes on the calling thread.
///
/// It is loaded and not linked: a link would cost every start of the command 2.5 ms, and where the library is missing
/// the program would not start at all, though it has kernels of its own (docs/performance/log.md).
struct OpenBLASBackend: MatrixBackend {
  /// - Throws: `missingOpenBLAS`.
  init() throws(MatrixBackendError) {
    if let reason = limbeck_openblas_load() { throw .missingOpenBLAS(reason: String(cString: reason)) }
  }

  var kind: MatrixBackendKind { .openblas }
  var kernel: String { String(cString: limbeck_openblas_kernel()) }
  var scratchCount: Int { 0 }
  /// It sums in another order for other numbers of rows.
  var rowsAreIndependent: Bool { false }

  func multiply(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, streams: Bool, _ a: MatrixView, _ b: MatrixView,
    m: Int, n: Int, k: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    let (left, right) = (Operand(a, rows: m, columns: k), Operand(b, rows: k, columns: n))
    limbeck_openblas_product(
      c, max(stride, n), adds ? 1 : 0, a.pointer, left.stride, left.isTransposed, b.pointer, right.stride,
      right.isTransposed, m, n, k)
  }

  /// Each row of a with a few columns of b at a time, which then stay in cache.
  func multiplyFewRows(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, _ a: MatrixView, _ b: MatrixView, m: Int, n: Int,
    k: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    let together = 16
    for column in Swift.stride(from: 0, to: n, by: together) {
      for row in 0..<m {
        limbeck_matrix_vector(
          c + row * stride + column, b.from(column: column).pointer, b.columnStride, a.from(row: row).pointer,
          min(together, n - column), k, adds ? 1 : 0)
      }
    }
  }

  /// How a BLAS is told where a matrix lies.
  private struct Operand {
    let isTransposed: CInt
    /// From one line in memory to the next; at least its length, which a BLAS demands of a single line, too.
    let stride: Int

    init(_ view: MatrixView, rows: Int, columns: Int) {
      isTransposed = view.columnStride == 1 ? 0 : 1
      stride = isTransposed == 0 ? max(view.rowStride, columns) : max(view.columnStride, rows)
    }
  }
}
