import TensorCore

/// A linear map x · Wᵀ + b: `weight` [outputs, inputs], optional `bias` [outputs], and W may have an adapter.
struct Linear {
  let weight: Parameter
  let bias: Parameter?
  let adapter: LowRankAdapter?
  let precision: ProductPrecision

  /// x [N, inputs] → [N, outputs]
  func callAsFunction(_ x: Tensor) -> Tensor {
    guard let adapter else { return x.linear(weight.matrix, bias: bias?.value, precision: precision) }
    return adapter.adding(
      to: x.linear(weight.matrix, bias: bias?.value, precision: precision), x, precision: precision)
  }
}
