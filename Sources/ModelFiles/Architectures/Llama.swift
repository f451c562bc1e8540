public import DurableFiles
public import LanguageModels

/// Llama (Touvron et al. 2023) and what calls itself so: TinyLlama, OpenLLaMA, SmolLM2, InternLM3.
public struct Llama: Architecture {
  public let family = "llama"
  public let keys = LlamaKeys.names

  /// The defaults are those of `LlamaConfig` (configuration_llama.py, transformers 5.23), cited one by one.
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
    // `attention_bias: bool = False`, on all four matrices
    if try file.bool("attention_bias") ?? false { configuration.biases.formUnion(Set.attention) }
    // `mlp_bias: bool = False`
    if try file.bool("mlp_bias") ?? false { configuration.biases.formUnion(Set.feedForward) }
    return configuration
  }

  public func members(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    var members = LlamaKeys.members(of: configuration, architecture: "LlamaForCausalLM")
    members["attention_bias"] = .bool(configuration.biases.isSuperset(of: Set.attention))
    members["mlp_bias"] = .bool(configuration.biases.isSuperset(of: Set.feedForward))
    return members
  }

  public func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    TensorLocation(LlamaNames.name(of: role))
  }
}
