import DurableFiles
import LanguageModels

/// The keys of config.json that Llama and the families near it share.
enum LlamaKeys {
  /// What families take for a missing key where they differ.
  struct Defaults {
    /// K where `num_key_value_heads` is absent; nil for H.
    var keyValueHeadCount: Int?
    var contextLength: Int
    var bosTokenID: Int?
    var eosTokenIDs: [Int]
  }

  /// The keys by the properties that they give.
  static let names = [
    "vocabularySize": "vocab_size", "hiddenSize": "hidden_size", "feedForwardSize": "intermediate_size",
    "layerCount": "num_hidden_layers", "headCount": "num_attention_heads", "keyValueHeadCount": "num_key_value_heads",
    "headSize": "head_dim", "contextLength": "max_position_embeddings", "normEpsilon": "rms_norm_eps",
    "rotary.base": "rope_theta", "initializerRange": "initializer_range",
    "bosTokenID": "bos_token_id",
    "eosTokenIDs": "eos_token_id", "padTokenID": "pad_token_id",
  ]

  /// The five sizes must be there. The defaults that stand here are those of `LlamaConfig`, `MistralConfig` and
  /// `Qwen2Config` alike (transformers 5.23). Throws `value`.
  static func configuration(
    from file: HuggingFaceConfiguration, family: String, defaults: Defaults
  ) throws(ModelFileError) -> DecoderConfiguration {
    // `hidden_act: str = "silu"`
    guard try file.string("hidden_act") ?? "silu" == "silu" else {
      throw file.invalid("hidden_act", expected: "\"silu\"")
    }
    if try file.object("quantization_config") != nil {
      throw file.invalid("quantization_config", expected: "unquantized weights")
    }
    let headCount = try size("num_attention_heads", file)
    let hiddenSize = try size("hidden_size", file)
    let sizes = 1...DecoderConfiguration.sizeLimit
    let ids = 0...DecoderConfiguration.sizeLimit
    let keyValueHeads =
      file.contains("num_key_value_heads")
      ? try file.integer("num_key_value_heads", in: sizes) : defaults.keyValueHeadCount
    return DecoderConfiguration(
      family: family,
      vocabularySize: try size("vocab_size", file),
      hiddenSize: hiddenSize,
      feedForwardSize: try size("intermediate_size", file),
      layerCount: try size("num_hidden_layers", file),
      headCount: headCount,
      // `if self.num_key_value_heads is None: self.num_key_value_heads = self.num_attention_heads`
      keyValueHeadCount: keyValueHeads ?? headCount,
      // `if self.head_dim is None: self.head_dim = self.hidden_size // self.num_attention_heads`
      headSize: try file.integer("head_dim", in: sizes) ?? hiddenSize / headCount,
      contextLength: try file.integer("max_position_embeddings", in: sizes) ?? defaults.contextLength,
      // `rms_norm_eps: float = 1e-6`
      normEpsilon: Float(
        try file.number("rms_norm_eps", expected: "a number above 0 and below 1") { $0 > 0 && $0 < 1 } ?? 1e-6),
      rotary: try RotaryPositions(file),
      // `tie_word_embeddings: bool = False`
      tiesEmbeddings: try file.bool("tie_word_embeddings") ?? false,
      // `initializer_range: float = 0.02`
      initializerRange: Float(
        try file.number("initializer_range", expected: "a number from 0 to 1") { (0...1).contains($0) } ?? 0.02),
      // an explicit null means that there is none
      bosTokenID: file.contains("bos_token_id") ? try file.integer("bos_token_id", in: ids) : defaults.bosTokenID,
      eosTokenIDs: file.contains("eos_token_id")
        ? try file.integers("eos_token_id", in: ids) ?? [] : defaults.eosTokenIDs,
      // `pad_token_id: int | None = None`
      padTokenID: try file.integer("pad_token_id", in: ids))
  }

  private static func size(_ key: String, _ file: HuggingFaceConfiguration) throws(ModelFileError) -> Int {
    let limit = DecoderConfiguration.sizeLimit
    guard let size = try file.integer(key, in: 1...limit) else {
      throw file.invalid(key, expected: "an integer from 1 to \(limit)")
    }
    return size
  }

  /// The members for all of that; `architecture` is the name of the class in transformers.
  static func members(of configuration: DecoderConfiguration, architecture: String) -> [String: JSONValue] {
    [
      "architectures": .array([.string(architecture)]),
      "bos_token_id": .id(configuration.bosTokenID),
      "eos_token_id": .ids(configuration.eosTokenIDs),
      "head_dim": .integer(configuration.headSize),
      "hidden_act": .string("silu"),
      "hidden_size": .integer(configuration.hiddenSize),
      "initializer_range": .shortest(configuration.initializerRange),
      "intermediate_size": .integer(configuration.feedForwardSize),
      "max_position_embeddings": .integer(configuration.contextLength),
      "model_type": .string(configuration.family),
      "num_attention_heads": .integer(configuration.headCount),
      "num_hidden_layers": .integer(configuration.layerCount),
      "num_key_value_heads": .integer(configuration.keyValueHeadCount),
      "pad_token_id": .id(configuration.padTokenID),
      "rms_norm_eps": .shortest(configuration.normEpsilon),
      "tie_word_embeddings": .bool(configuration.tiesEmbeddings),
      "vocab_size": .integer(configuration.vocabularySize),
    ].merging(configuration.rotary.members) { own, _ in own }
  }
}
