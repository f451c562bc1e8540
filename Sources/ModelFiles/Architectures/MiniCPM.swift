public import DurableFiles
public import LanguageModels

/// MiniCPM 1, 2 and 4 without experts or sparse attention (Hu et al. 2024, arXiv 2404.06395): Llama with multipliers of
/// embeddings, residuals and logits. transformers has no class for it, and runs the code of the model's makers.
public struct MiniCPM: Architecture {
  public let family = "minicpm"
  public let keys = LlamaKeys.names.merging([
    "embeddingScale": "scale_emb", "residualScale": "scale_depth", "logitScale": "dim_model_base",
  ]) { own, _ in own }
  public let reads: Set = ["scale_emb", "scale_depth", "dim_model_base", "attention_bias"]
  public let remoteCode: RemoteCode? = RemoteCode(
    repository: "openbmb/MiniCPM-2B-sft-bf16", configuration: "configuration_minicpm.MiniCPMConfig",
    model: "modeling_minicpm.MiniCPMForCausalLM")

  /// The defaults are those of `MiniCPMConfig` (configuration_minicpm.py of openbmb/MiniCPM-2B-sft-bf16), cited one by
  /// one.
  public func configuration(from file: HuggingFaceConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    // `max_position_embeddings=2048`
    let file = file.filling("max_position_embeddings", with: .integer(2048))
    // "Unknown RoPE scaling type" for others (`_init_rope` in modeling_minicpm.py)
    let rotary = try RotaryPositions(file, kinds: ["linear": .linear, "dynamic": .dynamic, "longrope": .longRope])
    var configuration = try LlamaKeys.configuration(
      from: file, family: family,
      defaults: LlamaKeys.Defaults(
        // `if num_key_value_heads is None: num_key_value_heads = num_attention_heads`
        keyValueHeadCount: nil,
        contextLength: 2048,
        // `tie_word_embeddings=True`
        tiesEmbeddings: true,
        // `bos_token_id=1, eos_token_id=2`
        bosTokenID: 1, eosTokenIDs: [2]), rotary: rotary)
    try LlamaKeys.requireHeadsThatFillTheHiddenSize(configuration, file)
    if let length = rotary.scaling.longRopeContext, length != configuration.contextLength {
      throw file.invalid(
        "max_position_embeddings", expected: "the original context's \(length) tokens",
        advice: "MiniCPM's own code takes the long factors for texts of all lengths where it is more")
    }
    // `scale_emb=1, dim_model_base=1, scale_depth=1`
    configuration.embeddingScale = .factor(Float(try file.factor("scale_emb") ?? 1))
    // `hidden_states * (self.scale_depth / math.sqrt(self.num_hidden_layers))`
    let depth = Double(configuration.layerCount).squareRoot()
    configuration.residualScale = Float((try file.factor("scale_depth") ?? 1) / depth)
    // `self.lm_head(hidden_states / (self.config.hidden_size / self.config.dim_model_base))`
    configuration.logitScale = Float((try file.factor("dim_model_base") ?? 1) / Double(configuration.hiddenSize))
    // `attention_bias=False`, on all four matrices
    configuration.biases = try LlamaKeys.attentionBiases(file)
    return configuration
  }

  public func members(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    var members = LlamaKeys.members(of: configuration, architecture: "MiniCPMForCausalLM")
    members["auto_map"] = remoteCode?.map
    let (size, depth) = (Double(configuration.hiddenSize), Double(configuration.layerCount).squareRoot())
    members["scale_emb"] = .shortest(configuration.embeddingScale.value(hiddenSize: configuration.hiddenSize))
    members["scale_depth"] = .shortest(Double(configuration.residualScale) * depth) {
      Float($0 / depth) == configuration.residualScale
    }
    members["dim_model_base"] = .shortest(Double(configuration.logitScale) * size) {
      Float($0 / size) == configuration.logitScale
    }
    return members.merging(LlamaKeys.attentionBias(of: configuration)) { own, _ in own }
  }

  public func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    TensorLocation(LlamaNames.name(of: role))
  }
}
