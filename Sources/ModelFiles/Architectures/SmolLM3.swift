public import DurableFiles
public import LanguageModels

/// SmolLM3 (Bakouch et al. 2025): Llama some of whose layers do not rotate queries and keys; those layers may have a
/// window.
public struct SmolLM3: Architecture {
  public let family = "smollm3"
  public let keys = LlamaKeys.names
  public let reads: Set = [
    "no_rope_layers", "no_rope_layer_interval", "use_sliding_window", "sliding_window", "layer_types", "attention_bias",
    "mlp_bias",
  ]

  /// The defaults are those of `SmolLM3Config` (configuration_smollm3.py, transformers 5.24), cited one by one.
  public func configuration(from file: HuggingFaceConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try LlamaKeys.configuration(
      from: file, family: family,
      defaults: LlamaKeys.Defaults(
        // `num_key_value_heads: int | None = 4`
        keyValueHeadCount: 4,
        // `max_position_embeddings: int = 32768`
        contextLength: 32_768,
        // `default_theta = 2000000.0`
        rotaryBase: 2_000_000,
        // `tie_word_embeddings: bool = True`
        tiesEmbeddings: true,
        // `bos_token_id: int | None = 128000`, `eos_token_id: int | list[int] | None = 128001`,
        // `pad_token_id: int | None = 128004`
        bosTokenID: 128_000, eosTokenIDs: [128_001], padTokenID: 128_004))
    configuration.biases = try LlamaKeys.attentionBiases(file).union(LlamaKeys.feedForwardBiases(file))
    let layers = configuration.layerCount
    let rotates = try rotates(file, layers: layers)
    // `use_sliding_window: bool = False`, `sliding_window: int | None = None`
    let uses = try file.bool("use_sliding_window") ?? false
    let found = try LayerTypes.window(file, default: nil)
    let window = uses ? found : nil
    // `if self.use_sliding_window and self.sliding_window is not None and not has_rope`
    configuration.setWindows(
      try LayerTypes.windows(
        file, layers: layers, window: window, key: uses ? "sliding_window" : "use_sliding_window"
      ) { window != nil && !rotates[$0] })
    for layer in 0..<layers where !rotates[layer] { configuration.attention[layer].rotary = nil }
    return configuration
  }

  /// Whether each of some layers rotates [L]. Throws `value`.
  private func rotates(_ file: HuggingFaceConfiguration, layers: Int) throws(ModelFileError) -> [Bool] {
    // `no_rope_layer_interval: int = 4`; `int((layer_idx + 1) % self.no_rope_layer_interval != 0)`
    let interval = try file.integer("no_rope_layer_interval", in: 1...DecoderConfiguration.sizeLimit) ?? 4
    guard let listed = try file.integers("no_rope_layers", in: 0...1, expected: "0 or 1 for each layer") else {
      return (0..<layers).map { ($0 + 1) % interval != 0 }
    }
    // "List with at least the same length as the number of layers in the model."
    guard listed.count >= layers else {
      throw file.invalid(
        "no_rope_layers", expected: "at least \(layers) numbers, one for each of the num_hidden_layers")
    }
    return listed.prefix(layers).map { $0 == 1 }
  }

  public func members(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    LlamaKeys.members(of: configuration, architecture: "SmolLM3ForCausalLM")
      .merging(LayerTypes.members(of: configuration)) { own, _ in own }
      .merging(LlamaKeys.attentionBias(of: configuration)) { own, _ in own }
      .merging(LlamaKeys.feedForwardBias(of: configuration)) { own, _ in own }
      .merging([
        "no_rope_layers": .array(configuration.attention.map { .integer($0.rotary == nil ? 0 : 1) }),
        "use_sliding_window": .bool(configuration.attention.contains { $0.window != nil }),
      ]) { own, _ in own }
  }

  public func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    TensorLocation(LlamaNames.name(of: role))
  }
}
