public import LanguageModels

extension SmolLM3: GGUFArchitecture {
  public var nameInGGUF: String { "smollm3" }
  public var turnsNeighboursInGGUF: Bool { true }

  /// Facts and defaults are those of `llama_model_smollm3` (models/smollm3.cpp of llama.cpp, 2026). Its files know no
  /// windows.
  public func configuration(from file: GGUFConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try GGUFKeys.configuration(from: file, family: family)
    // `hparams.n_no_rope_layer_step = 4`; `(il + 1) % hparams.n_no_rope_layer_step != 0`
    for layer in configuration.attention.indices where (layer + 1) % 4 == 0 {
      configuration.attention[layer].rotary = nil
    }
    return configuration
  }
}
