import DurableFiles
import LanguageModels

/// What Qwen2 and Qwen3 share: windows from some layer on. The defaults are those of `Qwen2Config` and `Qwen3Config`
/// (configuration_qwen2.py and configuration_qwen3.py, transformers 5.24), which are the same.
enum QwenKeys {
  static let reads: Set = ["use_sliding_window", "sliding_window", "layer_types"]

  /// `num_key_value_heads: int | None = 32`, `max_position_embeddings: int = 32768`, `bos_token_id: int | None = None`,
  /// `eos_token_id: int | list[int] | None = None`
  static let defaults = LlamaKeys.Defaults(
    keyValueHeadCount: 32, contextLength: 32_768, bosTokenID: nil, eosTokenIDs: [])

  /// The windows of some layers. Throws `value`.
  static func windows(_ file: HuggingFaceConfiguration, layers: Int) throws(ModelFileError) -> [Int?] {
    // `use_sliding_window: bool = False`, `sliding_window: int | None = 4096`;
    // `self.sliding_window = self.sliding_window if self.use_sliding_window else None`
    let uses = try file.bool("use_sliding_window") ?? false
    let found = try LayerTypes.window(file, default: 4096)
    let window = uses ? found : nil
    // `max_window_layers: int = 28`; `self.sliding_window is not None and i >= self.max_window_layers`
    let first = try file.integer("max_window_layers", in: 0...DecoderConfiguration.sizeLimit) ?? 28
    return try LayerTypes.windows(
      file, layers: layers, window: window, key: uses ? "sliding_window" : "use_sliding_window"
    ) { window != nil && $0 >= first }
  }

  /// The members for them; `max_window_layers` is for readers that do not know `layer_types`.
  static func members(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    let first = configuration.attention.firstIndex { $0.window != nil }
    return LayerTypes.members(of: configuration).merging([
      "use_sliding_window": .bool(first != nil),
      "max_window_layers": .integer(first ?? configuration.layerCount),
    ]) { own, _ in own }
  }
}
