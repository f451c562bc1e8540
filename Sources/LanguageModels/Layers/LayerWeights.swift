import TensorCore

/// Where a layer finds its weights.
struct LayerWeights {
  let configuration: DecoderConfiguration
  let precision: ProductPrecision
  let layer: Int
  let parameters: [WeightRole: Parameter]
  let adapters: DecoderAdapters?

  /// A matrix and, where the configuration has one, its bias.
  func linear(_ matrix: LayerMatrix) -> Linear {
    Linear(
      weight: parameter(.matrix(matrix)), bias: parameters[.layer(layer, .bias(matrix))],
      adapter: adapters?[.layer(layer, .matrix(matrix))], precision: precision)
  }

  /// A norm with the gain of the given role.
  func norm(_ role: LayerWeight) -> RMSNorm { RMSNorm(parameter(role), configuration) }

  /// A norm with the gain of the given role, where the configuration has one.
  func normIfDeclared(_ role: LayerWeight) -> RMSNorm? {
    parameters[.layer(layer, role)].map { RMSNorm($0, configuration) }
  }

  private func parameter(_ role: LayerWeight) -> Parameter {
    guard let parameter = parameters[.layer(layer, role)] else {
      preconditionFailure("the configuration declares no \(WeightRole.layer(layer, role))")
    }
    return parameter
  }
}
