public import LanguageModels

extension Llama: GGUFArchitecture {
  public var nameInGGUF: String { "llama" }

  /// Of Mistral and InternLM3, too, whose files are called so. Facts are those of `llama_model_llama` (models/llama.cpp
  /// of llama.cpp, 2026).
  public func configuration(from file: GGUFConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    try GGUFKeys.configuration(from: file, family: family)
  }

  public func locationInGGUF(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    GGUFNames.location(of: role, withPairsIn: configuration)
  }
}
