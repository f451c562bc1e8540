public import LanguageModels

extension Qwen2: GGUFArchitecture {
  public var nameInGGUF: String { "qwen2" }

  /// Facts are those of `llama_model_qwen2` (models/qwen2.cpp of llama.cpp, 2026). Its files know no windows.
  public func configuration(from file: GGUFConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    try GGUFKeys.configuration(from: file, family: family)
  }

  public var tensorsInGGUF: GGUFFamilyTensors { GGUFFamilyTensors(biases: [.query, .key, .value]) }
}
