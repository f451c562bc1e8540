public import LanguageModels

extension InternLM2: GGUFArchitecture {
  public var nameInGGUF: String { "internlm2" }
  public var turnsNeighboursInGGUF: Bool { true }

  /// Facts are those of `llama_model_internlm2` (models/internlm2.cpp of llama.cpp, 2026). The converter takes the one
  /// tensor of queries, keys and values apart (conversion/internlm.py).
  public func configuration(from file: GGUFConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    try GGUFKeys.configuration(from: file, family: family)
  }

  /// The one family whose head is not `TENSOR_NOT_REQUIRED`.
  public var tensorsInGGUF: GGUFFamilyTensors { GGUFFamilyTensors(embeddingAsHead: false) }
}
