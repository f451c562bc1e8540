public import DurableFiles
public import LanguageModels

/// Qwen2 and Qwen2.5 (Yang et al. 2024, arXiv 2407.10671): Llama with biases on queries, keys and values. Layers whose
/// tokens attend to those in a window alone are refused where the context is longer than the window.
public struct Qwen2: Architecture {
  public let family = "qwen2"
  public let keys = LlamaKeys.names

  /// The defaults are those of `Qwen2Config` (configuration_qwen2.py, transformers 5.24), cited one by one.
  public func configuration(from file: HuggingFaceConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try LlamaKeys.configuration(
      from: file, family: family,
      defaults: LlamaKeys.Defaults(
        // `num_key_value_heads: int | None = 32`
        keyValueHeadCount: 32,
        // `max_position_embeddings: int = 32768`
        contextLength: 32_768,
        // `bos_token_id: int | None = None`, `eos_token_id: int | list[int] | None = None`
        bosTokenID: nil, eosTokenIDs: []))
    // `Qwen2Attention` has no key for them (modeling_qwen2.py)
    configuration.biases = [.query, .key, .value]
    if let window = try window(file, layerCount: configuration.layerCount), configuration.contextLength > window {
      throw file.invalid(
        "use_sliding_window",
        expected: "false, or a sliding_window of at least max_position_embeddings \(configuration.contextLength)")
    }
    return configuration
  }

  /// The window of the layers that have one; nil where none has.
  private func window(_ file: HuggingFaceConfiguration, layerCount: Int) throws(ModelFileError) -> Int? {
    let sizes = 0...DecoderConfiguration.sizeLimit
    // `max_window_layers: int = 28`: the layers from there on have a window, unless `layer_types` says which have
    let first = try file.integer("max_window_layers", in: sizes) ?? 28
    let slides = try file.strings("layer_types")?.contains("sliding_attention") ?? (layerCount > first)
    // `use_sliding_window: bool = False`
    guard try file.bool("use_sliding_window") ?? false, slides else { return nil }
    // `sliding_window: int | None = 4096`, null for none
    return file.contains("sliding_window") ? try file.integer("sliding_window", in: sizes) : 4096
  }

  public func members(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    var members = LlamaKeys.members(of: configuration, architecture: "Qwen2ForCausalLM")
    members["use_sliding_window"] = .bool(false)
    return members
  }

  public func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    TensorLocation(LlamaNames.name(of: role))
  }
}
