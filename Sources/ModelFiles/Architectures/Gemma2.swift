public import DurableFiles
public import LanguageModels

/// Gemma 2 (Gemma Team 2024, arXiv 2408.00118): Gemma with norms behind attention and feed-forward network, soft caps
/// on scores and logits, and a window in every other layer.
public struct Gemma2: Architecture {
  public let family = "gemma2"
  public let keys = GemmaKeys.laterNames
  public let reads = GemmaKeys.laterReads.union(["attn_logit_softcapping"])

  /// The defaults are those of `Gemma2Config` (configuration_gemma2.py, transformers 5.24), cited here and in
  /// `GemmaKeys`.
  public func configuration(from file: HuggingFaceConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    // `num_key_value_heads: int = 4`, `max_position_embeddings: int = 8192`
    var configuration = try GemmaKeys.configuration(
      from: file, family: family, keyValueHeadCount: 4, contextLength: 8192)
    try GemmaKeys.addLaterParts(to: &configuration, from: file)
    // `attn_logit_softcapping: float | None = 50.0`, `final_logit_softcapping: float | None = 30.0`
    configuration.attentionCap = try GemmaKeys.cap("attn_logit_softcapping", file, default: 50)
    configuration.logitCap = try GemmaKeys.cap("final_logit_softcapping", file, default: 30)
    // `sliding_window: int | None = 4096`; `"sliding_attention" if bool((i + 1) % 2) else "full_attention"`
    configuration.setWindows(
      try LayerTypes.windows(
        file, layers: configuration.layerCount, window: try LayerTypes.window(file, default: 4096)
      ) { ($0 + 1) % 2 != 0 })
    return configuration
  }

  public func members(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    GemmaKeys.laterMembers(of: configuration, architecture: "Gemma2ForCausalLM")
  }

  public func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    TensorLocation(LlamaNames.name(of: role, hasPostNorms: true))
  }
}
