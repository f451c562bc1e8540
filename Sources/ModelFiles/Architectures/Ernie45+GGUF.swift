public import LanguageModels

extension Ernie45: GGUFArchitecture {
  public var nameInGGUF: String { "ernie4_5" }
  public var turnsNeighboursInGGUF: Bool { true }

  /// Facts are those of `llama_model_ernie4_5` (models/ernie4-5.cpp of llama.cpp, 2026). The rows of queries and keys
  /// are in the order of its folders, which llama.cpp turns as they are.
  public func configuration(from file: GGUFConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    try GGUFKeys.configuration(from: file, family: family)
  }
}
