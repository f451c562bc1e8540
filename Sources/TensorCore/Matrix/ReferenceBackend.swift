import CKernels

/// Plain loops with sums in double, in one order whatever the shape: what tests compare with, and what every CPU runs.
struct ReferenceBackend: MatrixBackend {
  var kind: MatrixBackendKind { .reference }
  var kernel: String { "plain loops in double" }
  var scratchCount: Int { 0 }
  var rowsAreIndependent: Bool { true }

  func multiply(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, streams: Bool, _ a: MatrixView, _ b: MatrixView,
    m: Int, n: Int, k: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    limbeck_product_reference(
      c, stride, adds ? 1 : 0, a.pointer, a.rowStride, a.columnStride, b.pointer, b.rowStride, b.columnStride, m, n, k)
  }

  func multiplyFewRows(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, _ a: MatrixView, _ b: MatrixView, m: Int, n: Int,
    k: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    multiply(into: c, stride: stride, adds: adds, streams: false, a, b, m: m, n: n, k: k, scratch: scratch)
  }
}
