public import LanguageModels

extension Gemma: GGUFArchitecture {
  public var nameInGGUF: String { "gemma" }

  /// Facts are those of `llama_model_gemma` (models/gemma.cpp of llama.cpp, 2026).
  public func configuration(from file: GGUFConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try GGUFKeys.configuration(from: file, family: family)
    configuration.makeGemma()
    return configuration
  }

  /// "same as tok_embd"
  public var tensorsInGGUF: GGUFFamilyTensors { GGUFFamilyTensors(head: false) }

  public func offsetInGGUF(of role: WeightRole) -> Float { GemmaKeys.offsetInGGUF(of: role) }
}
