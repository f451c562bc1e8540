import CKernels

/// Limbeck's own kernels in float32 for one length of vectors.
///
/// They read left factors where they are, pack what must be transposed into scratch memory panel by panel, and write
/// the result once; a BLAS packs all of both operands, which costs a fifth of the time where one of the three sizes is
/// small, as it is in language models.
protocol VectorBackend: MatrixBackend {
  /// The vectors that the kernels compute with, which the CPU has.
  var vectors: limbeck_vectors { get }
}

extension VectorBackend {
  var scratchCount: Int { Int(LIMBECK_PRODUCT_SCRATCH) / MemoryLayout<Float>.stride }
  var rowsAreIndependent: Bool { true }
  var blockVectors: limbeck_vectors? { vectors }

  func multiply(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, streams: Bool, _ a: MatrixView, _ b: MatrixView,
    m: Int, n: Int, k: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    limbeck_product_f32(
      vectors, c, stride, limbeck_store(adds: adds, streams: streams), a.pointer, a.rowStride, a.columnStride,
      b.pointer, b.rowStride, b.columnStride, m, n, k, scratch)
  }

  func multiplyFewRows(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, _ a: MatrixView, _ b: MatrixView, m: Int, n: Int,
    k: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    limbeck_few_rows(
      vectors, c, stride, adds ? 1 : 0, a.pointer, a.rowStride, m, b.pointer, b.columnStride, n, k, scratch)
  }
}

extension limbeck_store {
  /// What a product does that adds to its result, or overwrites it, past the caches if it `streams`.
  init(adds: Bool, streams: Bool) { self = adds ? LIMBECK_ADD : streams ? LIMBECK_STREAM : LIMBECK_OVERWRITE }
}
