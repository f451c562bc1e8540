public import DurableFiles
public import LanguageModels

/// Helium 1 (Kyutai 2025): Llama whose rotary embeddings turn neighbouring channels of a head.
public struct Helium: Architecture {
  public let family = "helium"
  public let keys = LlamaKeys.names
  public let reads: Set = ["attention_bias", "mlp_bias"]

  /// The defaults are those of `HeliumConfig` (configuration_helium.py, transformers 5.24), cited one by one.
  public func configuration(from file: HuggingFaceConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try LlamaKeys.configuration(
      from: file, family: family,
      defaults: LlamaKeys.Defaults(
        // `num_key_value_heads: int = 20`
        keyValueHeadCount: 20,
        // `head_dim: int = 128`
        headSize: 128,
        // `max_position_embeddings: int = 4096`
        contextLength: 4096,
        // `rms_norm_eps: float = 1e-8`
        normEpsilon: 1e-8,
        // `default_theta = 100000.0`
        rotaryBase: 100_000,
        // `bos_token_id: int | None = 1`, `eos_token_id: int | list[int] | None = 2`, `pad_token_id: int | None = 3`
        bosTokenID: 1, eosTokenIDs: [2], padTokenID: 3))
    // `self.o_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)` (modeling_helium.py)
    try LlamaKeys.requireHeadsThatFillTheHiddenSize(configuration, file)
    // `attention_bias: bool = False`, not on the output
    if try file.bool("attention_bias") ?? false { configuration.biases.formUnion([.query, .key, .value]) }
    // `mlp_bias: bool = False`
    configuration.biases.formUnion(try LlamaKeys.feedForwardBiases(file))
    return configuration
  }

  public func members(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    var members = LlamaKeys.members(of: configuration, architecture: "HeliumForCausalLM")
    members["attention_bias"] = .bool(configuration.biases.contains(.query))
    return members.merging(LlamaKeys.feedForwardBias(of: configuration)) { own, _ in own }
  }

  public func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    LlamaNames.location(of: role, withPairsIn: configuration)
  }
}
