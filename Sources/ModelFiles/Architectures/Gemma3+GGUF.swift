public import GGUF
public import LanguageModels

extension Gemma3: GGUFArchitecture {
  public var nameInGGUF: String { "gemma3" }

  /// Facts and defaults are those of `llama_model_gemma3` (models/gemma3.cpp of llama.cpp, 2026).
  public func configuration(from file: GGUFConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try GGUFKeys.configuration(from: file, family: family)
    configuration.makeGemma()
    configuration.hasPostNorms = true
    configuration.normalizesQueriesAndKeys = true
    // `case 62: type = LLM_TYPE_27B`
    configuration.attentionScale = GemmaKeys.attentionScale(of: configuration, ofHeads: configuration.layerCount != 62)
    configuration.logitCap = try file.cap("final_logit_softcapping", default: nil)
    // no window at all where the key is missing or 0
    guard let window = try file.window("attention.sliding_window", default: nil) else { return configuration }
    let slides = try file.slidingLayers(configuration.layerCount, period: 6)
    // `float rope_freq_base_train_swa = 10000.0f`, and no scaling (llama-hparams.h)
    let local = RotaryPositions(base: try file.factor("rope.freq_base_swa") ?? 10_000)
    for layer in configuration.attention.indices where slides[layer] {
      configuration.attention[layer] = LayerAttention(window: window, rotary: local)
    }
    return configuration
  }

  public func metadataInGGUF(of configuration: DecoderConfiguration) -> [String: GGUFWrittenValue] {
    var values = GGUFKeys.metadata(of: configuration)
      .merging(GemmaKeys.windowsInGGUF(of: configuration, period: 6)) { _, new in new }
    values["final_logit_softcapping"] = configuration.logitCap.map { .float32($0) }
    return values
  }

  public func offsetInGGUF(of role: WeightRole) -> Float { GemmaKeys.offsetInGGUF(of: role) }
}
