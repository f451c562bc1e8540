import DurableFiles
import LanguageModels
import TensorCore

/// The keys of config.json that Gemma 1, 2 and 3 share. The defaults that stand here are those of `GemmaConfig`,
/// `Gemma2Config` and `Gemma3TextConfig` alike (transformers 5.24).
enum GemmaKeys {
  static let reads: Set = ["attention_bias"]
  /// Those of Gemma 2 and 3.
  static let laterReads = reads.union([
    "hidden_activation", "query_pre_attn_scalar", "final_logit_softcapping", "sliding_window", "layer_types",
  ])
  static let laterNames = LlamaKeys.names.merging([
    "attentionScale": "query_pre_attn_scalar", "attentionCap": "attn_logit_softcapping",
    "logitCap": "final_logit_softcapping",
  ]) { own, _ in own }

  /// What all Gemmas are but for the activation, which is that of the default. Throws `value`.
  static func configuration(
    from file: HuggingFaceConfiguration, family: String, keyValueHeadCount: Int, contextLength: Int,
    rotary: RotaryPositions? = nil
  ) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try LlamaKeys.configuration(
      from: file, family: family,
      defaults: LlamaKeys.Defaults(
        keyValueHeadCount: keyValueHeadCount,
        // `head_dim: int = 256`
        headSize: 256,
        contextLength: contextLength,
        // `tie_word_embeddings: bool = True`
        tiesEmbeddings: true,
        // `bos_token_id: int | None = 2`, `eos_token_id: int | list[int] | None = 1`, `pad_token_id: int | None = 0`
        bosTokenID: 2, eosTokenIDs: [1], padTokenID: 0),
      activation: .geluTanh, rotary: rotary)
    // `output * (1.0 + self.weight.float())` in `GemmaRMSNorm`
    configuration.normOffset = 1
    // `embed_scale=self.config.hidden_size**0.5` in `GemmaModel`
    configuration.embeddingScale = .rootOfHiddenSize
    // `attention_bias: bool = False`
    configuration.biases = try LlamaKeys.attentionBiases(file)
    return configuration
  }

  /// What Gemma 2 and 3 add. Throws `value`.
  static func addLaterParts(
    to configuration: inout DecoderConfiguration, from file: HuggingFaceConfiguration
  ) throws(ModelFileError) {
    // `hidden_activation: str = "gelu_pytorch_tanh"`
    configuration.activation = try LlamaKeys.activation(file, "hidden_activation", default: .geluTanh)
    configuration.hasPostNorms = true
    // `query_pre_attn_scalar: int = 256`; `self.scaling = config.query_pre_attn_scalar**-0.5`
    let scalar = try file.number("query_pre_attn_scalar", expected: "a number above 0") { $0 > 0 } ?? 256
    configuration.attentionScale = Float(1 / scalar.squareRoot())
    // `if self.hidden_size % self.num_attention_heads != 0: raise ValueError`
    try LlamaKeys.requireHeadsThatDivideTheHiddenSize(configuration, file)
  }

  /// A soft cap; an explicit null is none. Throws `value`.
  static func cap(
    _ key: String, _ file: HuggingFaceConfiguration, default absent: Float?
  ) throws(ModelFileError) -> Float? {
    guard file.contains(key) else { return absent }
    return try file.number(key, expected: "null or a number above 0") { $0 > 0 }.map { Float($0) }
  }

  /// The members for what all share.
  static func members(of configuration: DecoderConfiguration, architecture: String) -> [String: JSONValue] {
    var members = LlamaKeys.members(of: configuration, architecture: architecture)
      .merging(LlamaKeys.attentionBias(of: configuration)) { own, _ in own }
    members["hidden_activation"] = members["hidden_act"]
    return members
  }

  /// The members for all of Gemma 2 and 3 but their rotary positions; `sliding_window` must be a number for
  /// transformers, even where no layer has one.
  static func laterMembers(of configuration: DecoderConfiguration, architecture: String) -> [String: JSONValue] {
    let scalar: JSONValue =
      configuration.attentionScale.map { Self.scalar(of: $0) } ?? .integer(configuration.headSize)
    return members(of: configuration, architecture: architecture)
      .merging(LayerTypes.members(of: configuration, absent: .integer(4096))) { own, _ in own }
      .merging([
        "query_pre_attn_scalar": scalar,
        "attn_logit_softcapping": configuration.attentionCap.map { .shortest($0) } ?? .null,
        "final_logit_softcapping": configuration.logitCap.map { .shortest($0) } ?? .null,
      ]) { own, _ in own }
  }

  /// The scalar whose power of −½ is a scale: the integer, as transformers wants it, where one is.
  private static func scalar(of scale: Float) -> JSONValue {
    let scalar = 1 / (Double(scale) * Double(scale))
    let whole = scalar.rounded()
    guard whole >= 1, whole < 1e9, Float(1 / whole.squareRoot()) == scale else { return .number(scalar) }
    return .integer(Int(whole))
  }
}
