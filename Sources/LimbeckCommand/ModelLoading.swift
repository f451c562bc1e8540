import DurableFiles
import Foundation
import LanguageModels
import Limbeck
import ModelFiles
import TensorCore
import Tokenization

extension ModelLocation {
  /// The location of the model at a path; says so on standard error where it is a checkpoint.
  init(path: String) throws {
    try self.init(URL(fileURLWithPath: path, isDirectory: true))
    if let step {
      Console().write("\(path): the run is not finished; its newest checkpoint is taken, of step \(Format.count(step))")
    }
  }
}

/// Opens the model at a path, and says on standard error what the user should know of it.
func openModel(path: String) throws -> any StoredModel {
  let model = try openModel(at: ModelLocation(path: path).url)
  for warning in model.warnings { Console().write("warning: \(warning)") }
  guard model.tokenizerURL.isFolder else { return model }
  let lost = try addedTokens(beyond: model.configuration.vocabularySize, in: model.tokenizerURL)
  guard let first = lost.first else { return model }
  let others = lost.count > 1 ? " and \(lost.count - 1) more" : ""
  Console().write(
    "warning: \(model.url.path): added token \(first)\(others): read as plain text, for vocab_size has no such id")
  return model
}

extension LanguageModel {
  /// The model of a Hugging Face folder, a GGUF file, or a run, frozen; with the tokenizer at a path, if one is given,
  /// and weights rounded to a type.
  init(
    path: String, tokenizer tokenizerPath: String? = nil, rounding: GGUFWeightType? = nil,
    precision: ProductPrecision = .float32, on device: Device
  ) throws {
    self = try Console().announcing("reading \(path)") {
      let model = try openModel(path: path)
      return try LanguageModel(
        model, tokenizer: model.tokenizer(orAt: tokenizerPath), rounding: rounding, precision: precision,
        device: device)
    }
  }

  /// How large it is, for the header of a run: `39,584 parameters, 3 layers of 48 channels`.
  var size: String {
    let configuration = decoder.configuration
    return "\(Format.count(decoder.parameters.count, "parameter")), \(Format.count(configuration.layerCount, "layer")) "
      + "of \(Format.count(configuration.hiddenSize, "channel"))"
  }
}
