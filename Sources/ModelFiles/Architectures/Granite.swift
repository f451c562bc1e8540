public import DurableFiles
public import LanguageModels

/// Granite 3 (IBM 2024): Llama with four multipliers, of embeddings, residuals, scores and logits.
public struct Granite: Architecture {
  public let family = "granite"
  public let keys = LlamaKeys.names.merging([
    "embeddingScale": "embedding_multiplier", "residualScale": "residual_multiplier",
    "attentionScale": "attention_multiplier", "logitScale": "logits_scaling",
  ]) { own, _ in own }
  public let reads: Set = [
    "embedding_multiplier", "residual_multiplier", "attention_multiplier", "logits_scaling", "attention_bias",
    "mlp_bias",
  ]

  /// The defaults are those of `GraniteConfig` (configuration_granite.py, transformers 5.24), cited one by one.
  public func configuration(from file: HuggingFaceConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try LlamaKeys.configuration(
      from: file, family: family,
      defaults: LlamaKeys.Defaults(
        // `if self.num_key_value_heads is None: self.num_key_value_heads = self.num_attention_heads`
        keyValueHeadCount: nil,
        // `max_position_embeddings: int = 2048`
        contextLength: 2048,
        // `bos_token_id: int | None = 1`, `eos_token_id: int | list[int] | None = 2`
        bosTokenID: 1, eosTokenIDs: [2]))
    // `embedding_multiplier: float | int = 1.0`, and so the others
    configuration.embeddingScale = .factor(Float(try file.factor("embedding_multiplier") ?? 1))
    configuration.residualScale = Float(try file.factor("residual_multiplier") ?? 1)
    // in the place of 1/√D: `self.scaling = config.attention_multiplier` (modeling_granite.py)
    configuration.attentionScale = Float(try file.factor("attention_multiplier") ?? 1)
    // `logits = logits / self.config.logits_scaling`
    configuration.logitScale = Float(1 / (try file.factor("logits_scaling") ?? 1))
    // `attention_bias: bool = False`, on all four matrices
    configuration.biases.formUnion(try LlamaKeys.attentionBiases(file))
    // `mlp_bias: bool = False`
    configuration.biases.formUnion(try LlamaKeys.feedForwardBiases(file))
    return configuration
  }

  public func members(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    var members = LlamaKeys.members(of: configuration, architecture: "GraniteForCausalLM")
    members["embedding_multiplier"] = .shortest(
      configuration.embeddingScale.value(hiddenSize: configuration.hiddenSize))
    members["residual_multiplier"] = .shortest(configuration.residualScale)
    members["attention_multiplier"] = .shortest(configuration.scoreScale)
    members["logits_scaling"] = .shortest(1 / Double(configuration.logitScale)) {
      Float(1 / $0) == configuration.logitScale
    }
    return members.merging(LlamaKeys.attentionBias(of: configuration)) { own, _ in own }
      .merging(LlamaKeys.feedForwardBias(of: configuration)) { own, _ in own }
  }

  public func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    TensorLocation(LlamaNames.name(of: role))
  }
}
