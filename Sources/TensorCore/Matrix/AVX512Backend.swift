import CKernels

/// Kernels with vectors of 16 floats.
struct AVX512Backend: VectorBackend {
  var kind: MatrixBackendKind { .avx512 }
  var kernel: String { "AVX-512" }
  var vectors: limbeck_vectors { LIMBECK_AVX512 }
}
