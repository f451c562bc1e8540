import TensorCore

/// Root-mean-square normalisation with a learned gain (Zhang & Sennrich 2019): `weight` [C].
struct RMSNorm {
  let weight: Parameter
  let epsilon: Float

  /// x [N, C] → [N, C]
  func callAsFunction(_ x: Tensor) -> Tensor { x.rmsNorm(weight.value, epsilon: epsilon) }
}
