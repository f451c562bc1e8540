import CKernels

/// Kernels with vectors of 8 floats.
struct AVX2Backend: VectorBackend {
  var kind: MatrixBackendKind { .avx2 }
  var kernel: String { "AVX2" }
  var vectors: limbeck_vectors { LIMBECK_AVX2 }
}
