public import DurableFiles
public import LanguageModels

/// Mistral (Jiang et al. 2023, arXiv 2310.06825): Llama whose tokens attend to those in a window before them alone, in
/// every layer.
public struct Mistral: Architecture {
  public let family = "mistral"
  public let keys = LlamaKeys.names
  public let reads: Set = ["sliding_window"]

  /// The defaults are those of `MistralConfig` (configuration_mistral.py, transformers 5.24), cited one by one.
  public func configuration(from file: HuggingFaceConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try LlamaKeys.configuration(
      from: file, family: family,
      defaults: LlamaKeys.Defaults(
        // `num_key_value_heads: int = 8`
        keyValueHeadCount: 8,
        // `max_position_embeddings: int = 4096 * 32`
        contextLength: 131_072,
        // `bos_token_id: int | None = 1`, `eos_token_id: int | list[int] | None = 2`
        bosTokenID: 1, eosTokenIDs: [2]))
    // `sliding_window: int | None = 4096`, so an explicit null means that there is none
    let window = try LayerTypes.window(file, default: 4096)
    configuration.setWindows(configuration.attention.map { _ in window })
    return configuration
  }

  public func members(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    var members = LlamaKeys.members(of: configuration, architecture: "MistralForCausalLM")
    members["sliding_window"] = configuration.attention.first?.window.map { .integer($0) } ?? .null
    return members
  }

  public func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    TensorLocation(LlamaNames.name(of: role))
  }
}
