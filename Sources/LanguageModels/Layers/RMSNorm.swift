import TensorCore

/// Root-mean-square normalisation with a learned gain (Zhang & Sennrich 2019): `weight` [C], to which `offset` is
/// added.
struct RMSNorm {
  let weight: Parameter
  let epsilon: Float
  let offset: Float

  init(_ weight: Parameter, _ configuration: DecoderConfiguration) {
    self.weight = weight
    epsilon = configuration.normEpsilon
    offset = configuration.normOffset
  }

  /// x [N, G·C] → [N, G·C], each of the G parts of a row by itself.
  func callAsFunction(_ x: Tensor) -> Tensor { x.rmsNorm(weight.value, epsilon: epsilon, offset: offset) }
}
