public import DurableFiles
public import LanguageModels

/// InternLM3 (Shanghai AI Laboratory 2025): Llama under keys of its own.
public struct InternLM3: Architecture {
  public let family = "internlm3"
  public let keys = LlamaKeys.names
  public let reads: Set = ["qkv_bias", "attention_bias", "bias", "mlp_bias"]

  /// The defaults are those of `InternLM3Config` (configuration_internlm3.py, transformers 5.24), cited one by one.
  public func configuration(from file: HuggingFaceConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try LlamaKeys.configuration(
      from: file, family: family,
      defaults: LlamaKeys.Defaults(
        // `num_key_value_heads: int | None = 2`
        keyValueHeadCount: 2,
        // `head_dim: int | None = 128`, so an explicit null means C / H
        headSize: file.contains("head_dim") ? nil : 128,
        // `max_position_embeddings: int = 32768`
        contextLength: 32_768,
        // `rms_norm_eps: float = 1e-5`
        normEpsilon: 1e-5,
        // `bos_token_id: int | None = 1`, `eos_token_id: int | list[int] | None = 2`, `pad_token_id: int | None = 2`
        bosTokenID: 1, eosTokenIDs: [2], padTokenID: 2))
    // `if self.hidden_size % self.num_attention_heads != 0: raise ValueError`
    try LlamaKeys.requireHeadsThatDivideTheHiddenSize(configuration, file)
    // `attribute_map = {"qkv_bias": "attention_bias", "bias": "mlp_bias"}`
    let ofAttention = try bias("qkv_bias", or: "attention_bias", file)
    // "InternLM3 with `qkv_bias` different from `bias` is not supported"
    guard try bias("bias", or: "mlp_bias", file) == ofAttention else {
      throw file.invalid("qkv_bias", expected: "the same as bias, as transformers demands of the family")
    }
    if ofAttention { configuration.biases = Set(LayerMatrix.allCases) }
    return configuration
  }

  /// What one of two names of a key says, which is false by default. Throws `value` where they contradict each other.
  private func bias(
    _ key: String, or other: String, _ file: HuggingFaceConfiguration
  ) throws(ModelFileError) -> Bool {
    let (first, second) = (try file.bool(key), try file.bool(other))
    guard first == nil || second == nil || first == second else {
      throw file.invalid(key, expected: "the same as \(other), its other name")
    }
    return first ?? second ?? false
  }

  public func members(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    var members = LlamaKeys.members(of: configuration, architecture: "InternLM3ForCausalLM")
    let hasBiases = JSONValue.bool(configuration.biases == Set(LayerMatrix.allCases))
    members["qkv_bias"] = hasBiases
    members["bias"] = hasBiases
    return members
  }

  public func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    TensorLocation(LlamaNames.name(of: role))
  }
}
