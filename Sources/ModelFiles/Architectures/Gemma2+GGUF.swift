public import GGUF
public import LanguageModels

extension Gemma2: GGUFArchitecture {
  public var nameInGGUF: String { "gemma2" }

  /// Facts and defaults are those of `llama_model_gemma2` (models/gemma2.cpp of llama.cpp, 2026).
  public func configuration(from file: GGUFConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try GGUFKeys.configuration(from: file, family: family)
    configuration.makeGemma()
    configuration.hasPostNorms = true
    // `case 46: type = LLM_TYPE_27B`
    configuration.attentionScale = GemmaKeys.attentionScale(of: configuration, ofHeads: configuration.layerCount != 46)
    // `f_attn_logit_softcapping = 50.0f`, `f_final_logit_softcapping = 30.0f` (llama-hparams.h)
    configuration.attentionCap = try file.cap("attn_logit_softcapping", default: 50)
    configuration.logitCap = try file.cap("final_logit_softcapping", default: 30)
    // `hparams.n_swa = 4096`, `load_swa_pattern(ml, 2)`
    let window = try file.window("attention.sliding_window", default: 4096)
    let slides = try file.slidingLayers(configuration.layerCount, period: 2)
    configuration.setWindows(slides.map { $0 ? window : nil })
    // `hparams.rope_freq_base_train_swa = hparams.rope_freq_base_train`
    if let base = try file.factor("rope.freq_base_swa") {
      for layer in configuration.attention.indices where slides[layer] {
        configuration.attention[layer].rotary?.base = base
      }
    }
    return configuration
  }

  public func metadataInGGUF(of configuration: DecoderConfiguration) -> [String: GGUFWrittenValue] {
    GGUFKeys.metadata(of: configuration)
      // the key has a default: a window as long as the context is none
      .merging(["attention.sliding_window": .size(configuration.contextLength)]) { _, new in new }
      .merging(GemmaKeys.windowsInGGUF(of: configuration, period: 2)) { _, new in new }
      // 0 is none: the keys have defaults
      .merging([
        "attn_logit_softcapping": .float32(configuration.attentionCap ?? 0),
        "final_logit_softcapping": .float32(configuration.logitCap ?? 0),
      ]) { _, new in new }
  }

  /// "same as tok_embd"
  public var tensorsInGGUF: GGUFFamilyTensors { GGUFFamilyTensors(head: false) }

  public func offsetInGGUF(of role: WeightRole) -> Float { GemmaKeys.offsetInGGUF(of: role) }
}
