public import LanguageModels

extension Qwen3: GGUFArchitecture {
  public var nameInGGUF: String { "qwen3" }

  /// Facts are those of `llama_model_qwen3` (models/qwen3.cpp of llama.cpp, 2026). Its files know no windows.
  public func configuration(from file: GGUFConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try GGUFKeys.configuration(from: file, family: family)
    configuration.normalizesQueriesAndKeys = true
    return configuration
  }
}
