import CKernels

/// Kernels with vectors of 16 floats, and of 16 pairs of bfloat16 for products in that precision.
struct AVX512BFloat16Backend: VectorBackend {
  var kind: MatrixBackendKind { .avx512BFloat16 }
  var kernel: String { "AVX-512 with bfloat16" }
  var vectors: limbeck_vectors { LIMBECK_AVX512 }
  var packsBFloat16: Bool { true }

  func multiplyRounded(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, streams: Bool, _ a: MatrixView, _ b: MatrixView,
    m: Int, n: Int, k: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    BFloat16Product.multiply(
      into: c, stride: stride, adds: adds, streams: streams, LeftFactor(a), RightFactor(b), m: m, n: n, k: k,
      scratch: scratch)
  }
}
