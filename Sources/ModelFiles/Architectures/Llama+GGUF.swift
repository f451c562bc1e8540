public import LanguageModels

extension Llama: GGUFArchitecture {
  public var nameInGGUF: String { "llama" }
  public var turnsNeighboursInGGUF: Bool { true }

  /// Of Mistral and InternLM3, too, whose files are called so; where the heads do not divide the hidden size, which
  /// transformers demands of a Llama, it is read as a Mistral. Facts are those of `llama_model_llama` (models/llama.cpp
  /// of llama.cpp, 2026).
  public func configuration(from file: GGUFConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try GGUFKeys.configuration(from: file, family: family)
    if configuration.headCount > 0, !configuration.hiddenSize.isMultiple(of: configuration.headCount) {
      configuration.family = Mistral().family
    }
    return configuration
  }

  /// All are `TENSOR_NOT_REQUIRED` there.
  public var tensorsInGGUF: GGUFFamilyTensors { .ofLlama }
}

extension GGUFFamilyTensors {
  /// Of Llama and what llama.cpp computes as it does a Llama.
  static let ofLlama = GGUFFamilyTensors(
    biases: Set(LayerMatrix.allCases), frequencyFactors: true, longRopeFactors: true)
}
