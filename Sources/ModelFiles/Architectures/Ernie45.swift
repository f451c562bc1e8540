public import DurableFiles
public import LanguageModels

/// ERNIE 4.5 without experts (Baidu 2025): Llama whose rotary embeddings turn neighbouring channels of a head.
public struct Ernie45: Architecture {
  public let family = "ernie4_5"
  public let keys = LlamaKeys.names
  public let reads: Set = ["use_bias"]

  /// The defaults are those of `Ernie4_5Config` (configuration_ernie4_5.py, transformers 5.24), cited one by one.
  public func configuration(from file: HuggingFaceConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try LlamaKeys.configuration(
      from: file, family: family,
      defaults: LlamaKeys.Defaults(
        // `num_key_value_heads: int | None = 2`
        keyValueHeadCount: 2,
        // `head_dim: int | None = 128`, so an explicit null means C / H
        headSize: file.contains("head_dim") ? nil : 128,
        // `max_position_embeddings: int = 131072`
        contextLength: 131_072,
        // `rms_norm_eps: float = 1e-05`
        normEpsilon: 1e-5,
        // `default_theta = 500000.0`
        rotaryBase: 500_000,
        // `tie_word_embeddings: bool = True`
        tiesEmbeddings: true,
        // `bos_token_id: int | None = 1`, `eos_token_id: int | list[int] | None = 2`, `pad_token_id: int | None = 0`
        bosTokenID: 1, eosTokenIDs: [2], padTokenID: 0))
    // `use_bias: bool | None = False`, on all seven matrices (modeling_ernie4_5.py)
    if try file.bool("use_bias") ?? false { configuration.biases = Set(LayerMatrix.allCases) }
    return configuration
  }

  public func members(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    var members = LlamaKeys.members(of: configuration, architecture: "Ernie4_5ForCausalLM")
    members["use_bias"] = .bool(configuration.biases == Set(LayerMatrix.allCases))
    return members
  }

  public func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    LlamaNames.location(of: role, withPairsIn: configuration)
  }
}
