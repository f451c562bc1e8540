import Diagnostics
import Foundation
public import LanguageModels
public import TensorCore

extension FrozenDecoder {
  /// The decoder of an opened model, whose matrices are rounded while they are read, as a GGUF file of that type keeps
  /// them (`DecoderConfiguration.encoding(of:ofMatrices:)`): the results are those of the file.
  /// - Parameters:
  ///   - model: the model, whose weights are float32, float16 or bfloat16.
  ///   - type: how matrices are kept.
  ///   - precision: what the factors of products are rounded to.
  ///   - device: where it computes.
  /// - Throws: `value` for weights that are quantised already, or that the type cannot hold; what is wrong with the
  ///   configuration or the weights.
  public convenience init(
    _ model: any StoredModel, rounding type: GGUFWeightType, precision: ProductPrecision = .float32,
    device: Device = .shared
  ) throws(ModelFileError) {
    let configuration = model.configuration
    try model.requireExactly(configuration.weights)
    try model.requireFiniteWeights()
    try self.init(configuration: configuration, precision: precision, device: device) {
      (role, shape) throws(ModelFileError) in
      let weight = try model.weight(role, expecting: shape, on: device)
      guard shape.count > 1 else { return weight }
      if case .encoded(let matrix) = weight, case .blocks(let found) = matrix.encoding {
        throw .value(
          InvalidValue(
            model.url.path, "\(role)", expected: "float32, float16 or bfloat16, to be rounded to \(type.rawValue)",
            found: "\(found.rawValue)", advice: "the weights are quantised already: use them as they are"))
      }
      let encoding = type.encoding(of: role, in: configuration)
      guard let largest = encoding.largest, let value = weight.first(beyond: largest, on: device) else {
        return weight.encoded(as: encoding, on: device)
      }
      throw .value(
        InvalidValue(
          model.url.path, "\(role)", expected: "weights from -\(largest) to \(largest)", found: "\(value)",
          advice: "\(type.rawValue) holds no others; bf16 does"))
    }
  }
}
