public import DurableFiles
public import LanguageModels

/// Llama (Touvron et al. 2023) and what calls itself so: TinyLlama, OpenLLaMA, SmolLM2, Yi, DeepSeek-R1-Distill-Llama.
public struct Llama: Architecture {
  public let family = "llama"
  public let keys = LlamaKeys.names
  public let reads: Set = ["attention_bias", "mlp_bias"]

  /// The defaults are those of `LlamaConfig` (configuration_llama.py, transformers 5.24), cited one by one.
  public func configuration(from file: HuggingFaceConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try LlamaKeys.configuration(
      from: file, family: family,
      defaults: LlamaKeys.Defaults(
        // `if self.num_key_value_heads is None: self.num_key_value_heads = self.num_attention_heads`
        keyValueHeadCount: nil,
        // `max_position_embeddings: int = 2048`
        contextLength: 2048,
        // `bos_token_id: int | None = 1`, `eos_token_id: int | list[int] | None = 2`
        bosTokenID: 1, eosTokenIDs: [2]))
    // `if self.hidden_size % self.num_attention_heads != 0: raise ValueError`
    try LlamaKeys.requireHeadsThatDivideTheHiddenSize(configuration, file)
    configuration.biases = try LlamaKeys.attentionBiases(file).union(LlamaKeys.feedForwardBiases(file))
    return configuration
  }

  public func members(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    LlamaKeys.members(of: configuration, architecture: "LlamaForCausalLM")
      .merging(LlamaKeys.attentionBias(of: configuration)) { own, _ in own }
      .merging(LlamaKeys.feedForwardBias(of: configuration)) { own, _ in own }
  }

  public func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    TensorLocation(LlamaNames.name(of: role))
  }
}
