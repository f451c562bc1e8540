import Diagnostics
import GGUF
import LanguageModels

/// The keys of a GGUF file's metadata that all families share, without the architecture's name before them. Facts and
/// defaults are those of `llama_model_base::load_hparams` in llama-model.cpp (llama.cpp, 2026), but where it says so.
enum GGUFKeys {
  /// The keys by the properties that they give.
  static let names = [
    "vocabularySize": "vocab_size", "hiddenSize": "embedding_length", "feedForwardSize": "feed_forward_length",
    "layerCount": "block_count", "headCount": "attention.head_count", "keyValueHeadCount": "attention.head_count_kv",
    "headSize": "attention.key_length", "contextLength": "context_length",
    "normEpsilon": "attention.layer_norm_rms_epsilon", "rotary.base": "rope.freq_base",
    "rotary.scaling": "rope.scaling.type", "rotary.rotatedShare": "rope.dimension_count",
    "window": "attention.sliding_window", "attentionScale": "attention.scale",
    "attentionCap": "attn_logit_softcapping", "logitCap": "final_logit_softcapping",
    "embeddingScale": "embedding_scale", "residualScale": "residual_scale", "logitScale": "logit_scale",
  ]

  /// What all families read alike.
  /// - Parameters:
  ///   - file: the metadata.
  ///   - family: the family's name.
  ///   - turnsParts: whether the family can turn a share of each head.
  /// - Returns: what these keys say.
  /// - Throws: `value`; what is wrong with the factors of rotary embeddings.
  static func configuration(
    from file: GGUFConfiguration, family: String, turnsParts: Bool = false
  ) throws(ModelFileError) -> DecoderConfiguration {
    try requirePlainLayers(file)
    func required(_ name: String) throws(ModelFileError) -> Int {
      guard let size = try file.sizeOfLayers(name) else { throw file.invalid(name, expected: "an integer from 1 on") }
      return size
    }
    let (hiddenSize, headCount) = (try file.requiredSize("embedding_length"), try required("attention.head_count"))
    let headSize = try file.size("attention.key_length") ?? hiddenSize / headCount
    let valueSize = try file.size("attention.value_length") ?? hiddenSize / headCount
    guard valueSize == headSize else {
      throw file.invalid("attention.value_length", expected: "\(headSize), the size of the keys of a head")
    }
    // `get_key(LLM_KV_ATTENTION_LAYERNORM_RMS_EPS, …)` has no default
    let epsilon = try file.number(
      "attention.layer_norm_rms_epsilon", expected: "a number above 0 and below 1"
    ) { $0 > 0 && $0 < 1 }
    guard let epsilon else {
      throw file.invalid("attention.layer_norm_rms_epsilon", expected: "a number above 0 and below 1")
    }
    var configuration = DecoderConfiguration(
      family: family,
      vocabularySize: try vocabularySize(file),
      hiddenSize: hiddenSize,
      feedForwardSize: try required("feed_forward_length"),
      layerCount: try file.requiredSize("block_count", limit: DecoderConfiguration.layerLimit),
      headCount: headCount,
      // "n_head_kv is optional, default to n_head"
      keyValueHeadCount: try file.sizeOfLayers("attention.head_count_kv") ?? headCount,
      headSize: headSize,
      contextLength: try file.requiredSize("context_length"),
      normEpsilon: Float(epsilon),
      rotary: try RotaryPositions(file, headSize: headSize, isPartial: turnsParts),
      // "if output is NULL, init from the input tok embed"
      tiesEmbeddings: file.file[GGUFNames.name(of: .head)] == nil,
      bosTokenID: nil, eosTokenIDs: [])
    configuration.biases = Set(
      LayerMatrix.allCases.filter { file.file[GGUFNames.name(of: .layer(0, .bias($0)))] != nil })
    try readTokens(of: file, into: &configuration)
    return configuration
  }

  /// Checks the keys that change what all families compute in a way that is not computed here. Throws `value`.
  private static func requirePlainLayers(_ file: GGUFConfiguration) throws(ModelFileError) {
    for (name, advice) in [
      ("expert_count", "mixtures of experts cannot be read"),
      ("nextn_predict_layers", "layers that predict several tokens cannot be read"),
    ] {
      guard try file.integer(name, in: 0...DecoderConfiguration.sizeLimit) ?? 0 == 0 else {
        throw file.invalid(name, expected: "0", advice: advice)
      }
    }
    guard try file.bool("attention.causal") ?? true else {
      throw file.invalid("attention.causal", expected: "true", advice: "it is no model that predicts the next token")
    }
  }

  /// V: the number of tokens where no key says it, and the rows of the embedding where there are no tokens, either.
  private static func vocabularySize(_ file: GGUFConfiguration) throws(ModelFileError) -> Int {
    if let size = try file.size("vocab_size") { return size }
    let tokens = try ModelFileError.wrapping { () throws(GGUFError) in
      try file.metadata.array("tokenizer.ggml.tokens")?.count
    }
    let rows = file.file[GGUFNames.name(of: .embedding)]?.shape.first
    return tokens ?? rows ?? 1
  }
}

extension GGUFKeys {
  /// The keys of token ids.
  enum Token: String, CaseIterable {
    case bos = "bos_token_id"
    case eos = "eos_token_id"
    /// What ends a turn of a chat, and a message before a tool's answer: `LLM_KV_TOKENIZER_EOT_ID` and `…EOM_ID` in
    /// llama-arch.cpp. llama.cpp ends texts with them, too (`special_eog_ids` in llama-vocab.cpp).
    case eot = "eot_token_id"
    case eom = "eom_token_id"
    case pad = "padding_token_id"

    var key: String { "tokenizer.ggml.\(rawValue)" }
  }

  private static func id(_ token: Token, _ file: GGUFConfiguration) throws(ModelFileError) -> Int? {
    try ModelFileError.wrapping { () throws(GGUFError) in try file.metadata.tokenID(token.key) }
  }

  /// Reads the special ids. Those beyond the vocabulary are left out. Throws `value` for what are no ids.
  private static func readTokens(
    of file: GGUFConfiguration, into configuration: inout DecoderConfiguration
  ) throws(ModelFileError) {
    let size = configuration.vocabularySize
    func known(_ token: Token) throws(ModelFileError) -> Int? { try id(token, file).flatMap { $0 < size ? $0 : nil } }
    configuration.bosTokenID = try known(.bos)
    configuration.padTokenID = try known(.pad)
    for token in [Token.eos, .eot, .eom] {
      if let id = try known(token), !configuration.eosTokenIDs.contains(id) { configuration.eosTokenIDs.append(id) }
    }
  }

  /// The special ids of a file that are beyond the vocabulary, and so left out: one sentence each.
  static func strayTokens(of file: GGUFConfiguration, vocabularySize: Int) -> [InvalidValue] {
    Token.allCases.compactMap { token in
      guard let id = try? id(token, file), id >= vocabularySize else { return nil }
      return file.metadata.invalid(
        token.key, expected: "an id below the vocabulary's size \(vocabularySize)",
        advice: "left out, for no output of the model has it")
    }
  }
}
