public import LanguageModels
import ModelFiles
public import TensorCore

/// The type of the matrices of a file that a model is trained for: it computes with what such a file holds. The raw
/// values are the names of llama.cpp's types.
public enum QuantisedWeights: String, Codable, CaseIterable, Sendable {
  /// Integers of 8 bits in blocks of 32.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q8_0
  /// Integers of 4 bits in blocks of 32; the matrix that gives logits has 6 bits, in blocks of 256.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_0

  /// As files are written.
  private var type: GGUFWeightType {
    switch self {
    case .q8_0: .q8_0
    case .q4_0: .q4_0
    }
  }

  /// How a weight is kept: as a GGUF file of this type has it.
  public func encoding(of role: WeightRole, in configuration: DecoderConfiguration) -> MatrixEncoding {
    type.encoding(of: role, in: configuration)
  }

  /// Rounds the weights of a trainable model to it.
  func rounding(of model: TransformerDecoder) -> WeightRounding {
    WeightRounding(model.parameters, as: model.weights.map { encoding(of: $0.role, in: model.configuration) })
  }
}
