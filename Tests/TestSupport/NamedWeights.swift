public import LanguageModels
import ModelFiles
public import TensorCore

/// A weight of a decoder under the name that it has in the files of the decoder's family.
public struct NamedWeight {
  /// As in model.safetensors.
  public let name: String
  /// The rows that it has of a tensor that holds others, too, or its own in another order.
  public let rows: [Range<Int>]?
  /// Its memory and gradient.
  public let parameter: Parameter
}

extension DecoderModel {
  /// All weights, in creation order.
  public var namedWeights: [NamedWeight] {
    get throws {
      let architecture = try KnownArchitectures.of(configuration)
      return weights.map {
        let location = architecture.location(of: $0.role, in: configuration)
        return NamedWeight(name: location.name, rows: location.rows, parameter: $0.parameter)
      }
    }
  }
}
