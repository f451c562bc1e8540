import Diagnostics
import DurableFiles
import LanguageModels
import TensorCore

/// The keys of config.json that Llama and the families near it share.
enum LlamaKeys {
  /// What families take for a missing key where they differ.
  struct Defaults {
    /// K where `num_key_value_heads` is absent; nil for H.
    var keyValueHeadCount: Int?
    /// D where `head_dim` is absent; nil for C / H.
    var headSize: Int?
    var contextLength: Int
    /// `rms_norm_eps: float = 1e-6`
    var normEpsilon: Float = 1e-6
    /// `default_theta = 10_000.0` in `RotaryEmbeddingConfigMixin` (modeling_rope_utils.py)
    var rotaryBase = 10_000.0
    var tiesEmbeddings = false
    var bosTokenID: Int?
    var eosTokenIDs: [Int]
    var padTokenID: Int?
  }

  /// The keys by the properties that they give.
  static let names = [
    "vocabularySize": "vocab_size", "hiddenSize": "hidden_size", "feedForwardSize": "intermediate_size",
    "layerCount": "num_hidden_layers", "headCount": "num_attention_heads", "keyValueHeadCount": "num_key_value_heads",
    "headSize": "head_dim", "contextLength": "max_position_embeddings", "normEpsilon": "rms_norm_eps",
    "rotary.base": "rope_theta", "window": "sliding_window", "initializerRange": "initializer_range",
    "bosTokenID": "bos_token_id",
    "eosTokenIDs": "eos_token_id", "padTokenID": "pad_token_id",
  ]

  /// The five sizes must be there. The defaults that stand here are those of all families that use this (transformers
  /// 5.24).
  /// - Parameters:
  ///   - file: config.json.
  ///   - family: its `model_type`.
  ///   - defaults: what a missing key means.
  ///   - activation: that of the gate; nil where `hidden_act` says it.
  ///   - rotary: how positions are told apart; nil where the usual keys say it.
  /// - Returns: what all of them say.
  /// - Throws: `value`.
  static func configuration(
    from file: HuggingFaceConfiguration, family: String, defaults: Defaults, activation: GateActivation? = nil,
    rotary: RotaryPositions? = nil
  ) throws(ModelFileError) -> DecoderConfiguration {
    try requireSizes(in: file)
    if try file.object("quantization_config") != nil {
      throw file.invalid(
        "quantization_config", expected: "unquantized weights",
        advice: "use the folder of the model that was quantized, in float32, float16 or bfloat16")
    }
    let headCount = try size("num_attention_heads", file)
    let hiddenSize = try size("hidden_size", file)
    let sizes = 1...DecoderConfiguration.sizeLimit
    let keyValueHeads =
      file.contains("num_key_value_heads")
      ? try file.integer("num_key_value_heads", in: sizes) : defaults.keyValueHeadCount
    // a null stands for C / H in some families, and for nothing in those with a size of their own
    if defaults.headSize != nil, file.contains("head_dim"), file.present("head_dim") == nil {
      throw file.invalid("head_dim", expected: "an even number")
    }
    let positions = if let rotary { rotary } else { try RotaryPositions(file, default: defaults.rotaryBase) }
    var configuration = DecoderConfiguration(
      family: family,
      vocabularySize: try size("vocab_size", file),
      hiddenSize: hiddenSize,
      feedForwardSize: try size("intermediate_size", file),
      layerCount: try size("num_hidden_layers", file, limit: DecoderConfiguration.layerLimit),
      headCount: headCount,
      // `if self.num_key_value_heads is None: self.num_key_value_heads = self.num_attention_heads`
      keyValueHeadCount: keyValueHeads ?? headCount,
      // `if self.head_dim is None: self.head_dim = self.hidden_size // self.num_attention_heads`
      headSize: try file.integer("head_dim", in: sizes) ?? defaults.headSize ?? hiddenSize / headCount,
      contextLength: try file.integer("max_position_embeddings", in: sizes) ?? defaults.contextLength,
      normEpsilon: try file.number("rms_norm_eps", expected: "a number above 0 and below 1") { $0 > 0 && $0 < 1 }
        .map { Float($0) } ?? defaults.normEpsilon,
      rotary: positions,
      tiesEmbeddings: try file.bool("tie_word_embeddings") ?? defaults.tiesEmbeddings,
      // `initializer_range: float = 0.02`
      initializerRange: Float(
        try file.number("initializer_range", expected: "a number from 0 to 1") { (0...1).contains($0) } ?? 0.02),
      // an explicit null means that there is none
      bosTokenID: file.contains("bos_token_id") ? try file.tokenIDs("bos_token_id")?.first : defaults.bosTokenID,
      eosTokenIDs: file.contains("eos_token_id") ? try file.tokenIDs("eos_token_id") ?? [] : defaults.eosTokenIDs,
      padTokenID: file.contains("pad_token_id") ? try file.tokenIDs("pad_token_id")?.first : defaults.padTokenID)
    // `hidden_act: str = "silu"`
    configuration.activation =
      if let activation { activation } else { try Self.activation(file, "hidden_act", default: .silu) }
    return configuration
  }

  /// The activation at a key, by its name in `ACT2FN` (activations.py), where silu has two, and where "gelu_new" is the
  /// same formula. Throws `value`.
  static func activation(
    _ file: HuggingFaceConfiguration, _ key: String, default absent: GateActivation
  ) throws(ModelFileError) -> GateActivation {
    switch try file.string(key) {
    case nil: return absent
    case "silu", "swish": return .silu
    case "gelu_pytorch_tanh", "gelu_new": return .geluTanh
    default: throw file.invalid(key, expected: "\"silu\" or \"gelu_pytorch_tanh\"")
    }
  }

  /// The matrices that have biases by `attention_bias: bool = False`: all four of attention. Throws `value`.
  static func attentionBiases(_ file: HuggingFaceConfiguration) throws(ModelFileError) -> Set<LayerMatrix> {
    try file.bool("attention_bias") ?? false ? Set.attention : []
  }

  /// The matrices that have biases by `mlp_bias: bool = False`. Throws `value`.
  static func feedForwardBiases(_ file: HuggingFaceConfiguration) throws(ModelFileError) -> Set<LayerMatrix> {
    try file.bool("mlp_bias") ?? false ? Set.feedForward : []
  }

  /// The member that says whether attention has biases.
  static func attentionBias(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    ["attention_bias": .bool(configuration.biases.isSuperset(of: Set.attention))]
  }

  /// The member that says whether the feed-forward network has biases.
  static func feedForwardBias(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    ["mlp_bias": .bool(configuration.biases.isSuperset(of: Set.feedForward))]
  }

  /// Checks what the configuration classes of some families demand. Throws `value`.
  static func requireHeadsThatDivideTheHiddenSize(
    _ configuration: DecoderConfiguration, _ file: HuggingFaceConfiguration
  ) throws(ModelFileError) {
    guard configuration.hiddenSize.isMultiple(of: configuration.headCount) else {
      throw file.invalid(
        "num_attention_heads",
        expected: "a divisor of the hidden_size \(configuration.hiddenSize), as transformers demands of the family")
    }
  }

  /// Checks that the heads fill the hidden size, where a family's classes have heads of no other size. Throws `value`.
  static func requireHeadsThatFillTheHiddenSize(
    _ configuration: DecoderConfiguration, _ file: HuggingFaceConfiguration, advice: String? = nil
  ) throws(ModelFileError) {
    guard configuration.headSize * configuration.headCount == configuration.hiddenSize else {
      throw file.invalid(
        "head_dim",
        expected: "hidden_size \(configuration.hiddenSize) / num_attention_heads \(configuration.headCount), without a "
          + "remainder: \(configuration.family) models have heads of no other size", advice: advice)
    }
  }

  /// The sizes that have no default.
  private static let required = [
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
  ]

  /// The smallest config.json that says all that must be said.
  static let example =
    #"{"model_type": "llama", "vocab_size": 8192, "hidden_size": 256, "intermediate_size": 688, "#
    + #""num_hidden_layers": 6, "num_attention_heads": 8, "tie_word_embeddings": true}"#

  /// Checks that all sizes without a default are there, and `model_type`. Throws `value` naming all that are missing.
  static func requireSizes(in file: HuggingFaceConfiguration) throws(ModelFileError) {
    let missing = (["model_type"] + required).filter { file.present($0) == nil }
    guard !missing.isEmpty else { return }
    throw .value(
      InvalidValue(
        file.file, missing.joined(separator: ", "),
        expected: missing == ["model_type"] ? "the name of a family" : missing.count == 1 ? "an integer" : "values",
        found: missing.count == 1 ? file.members[missing[0]]?.description ?? "nothing" : "nothing",
        advice: "the least that a config.json must say is, for example: \(example)"))
  }

  private static func size(
    _ key: String, _ file: HuggingFaceConfiguration, limit: Int = DecoderConfiguration.sizeLimit
  ) throws(ModelFileError) -> Int {
    guard let size = try file.integer(key, in: 1...limit) else {
      throw file.invalid(key, expected: "an integer from 1 to \(limit)")
    }
    return size
  }

  /// What transformers calls an activation (`ACT2FN` in activations.py).
  private static func name(of activation: GateActivation) -> String {
    switch activation {
    case .silu: "silu"
    case .geluTanh: "gelu_pytorch_tanh"
    }
  }

  /// The members for all of that; `architecture` is the name of the class in transformers.
  static func members(of configuration: DecoderConfiguration, architecture: String) -> [String: JSONValue] {
    [
      "architectures": .array([.string(architecture)]),
      "bos_token_id": .id(configuration.bosTokenID),
      "eos_token_id": .ids(configuration.eosTokenIDs),
      "head_dim": .integer(configuration.headSize),
      "hidden_act": .string(name(of: configuration.activation)),
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
    ].merging((configuration.attention.lazy.compactMap(\.rotary).first ?? RotaryPositions()).members) { own, _ in own }
  }
}
