import TensorCore

/// A linear map x · Wᵀ + b: `weight` [outputs, inputs], optional `bias` [outputs].
struct Linear {
  let weight: Parameter
  let bias: Parameter?
  let precision: ProductPrecision

  /// x [N, inputs] → [N, outputs]
  func callAsFunction(_ x: Tensor) -> Tensor { x.linear(weight.matrix, bias: bias?.value, precision: precision) }
}
