public import DurableFiles
public import LanguageModels

/// InternLM2 and 2.5 (Cai et al. 2024, arXiv 2403.17297): Llama under names of its own, whose queries, keys and values
/// lie in one tensor, group by group. transformers has no class for it, and runs the code of the model's makers.
public struct InternLM2: Architecture {
  public let family = "internlm2"
  public let keys = LlamaKeys.names
  public let reads: Set = ["bias"]
  public let remoteCode: RemoteCode? = RemoteCode(
    repository: "internlm/internlm2-1_8b", configuration: "configuration_internlm2.InternLM2Config",
    model: "modeling_internlm2.InternLM2ForCausalLM")

  /// The defaults are those of `InternLM2Config` (configuration_internlm2.py of internlm/internlm2-1_8b), cited one by
  /// one.
  public func configuration(from file: HuggingFaceConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    // "`rope_scaling`'s type field must be one of ['linear', 'dynamic']"
    let rotary = try RotaryPositions(file, kinds: ["linear": .linear, "dynamic": .dynamic])
    var configuration = try LlamaKeys.configuration(
      from: file, family: family,
      defaults: LlamaKeys.Defaults(
        // `if num_key_value_heads is None: num_key_value_heads = num_attention_heads`
        keyValueHeadCount: nil,
        // `max_position_embeddings=2048`
        contextLength: 2048,
        // `pad_token_id=0, bos_token_id=1, eos_token_id=2`
        bosTokenID: 1, eosTokenIDs: [2], padTokenID: 0), rotary: rotary)
    try LlamaKeys.requireHeadsThatFillTheHiddenSize(configuration, file)
    // `bias=True`, of `wqkv` and `wo` alone (modeling_internlm2.py)
    if try file.bool("bias") ?? true { configuration.biases = .attention }
    return configuration
  }

  public func members(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    var members = LlamaKeys.members(of: configuration, architecture: "InternLM2ForCausalLM")
    members["auto_map"] = remoteCode?.map
    members["bias"] = .bool(configuration.biases == .attention)
    return members
  }

  public func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    switch role {
    case .embedding: TensorLocation("model.tok_embeddings.weight")
    case .finalNorm: TensorLocation("model.norm.weight")
    case .head: TensorLocation("output.weight")
    case .layer(let layer, let weight):
      switch weight {
      case .matrix(let matrix): location(of: matrix, ".weight", layer, configuration)
      case .bias(let matrix): location(of: matrix, ".bias", layer, configuration)
      case .attentionNorm: TensorLocation("model.layers.\(layer).attention_norm.weight")
      case .feedForwardNorm: TensorLocation("model.layers.\(layer).ffn_norm.weight")
      // it has no others
      case .queryNorm, .keyNorm, .attentionPostNorm, .feedForwardPostNorm:
        TensorLocation("model.layers.\(layer).\(weight)")
      }
    }
  }

  /// `wqkv` has for each key-value head its H/K queries, then its key, then its value (`rearrange` in
  /// modeling_internlm2.py).
  private func location(
    of matrix: LayerMatrix, _ suffix: String, _ layer: Int, _ configuration: DecoderConfiguration
  ) -> TensorLocation {
    let (size, groups) = (configuration.headSize, configuration.keyValueHeadCount)
    let queries = configuration.headCount / groups
    func heads(_ range: Range<Int>) -> TensorLocation {
      TensorLocation(
        "model.layers.\(layer).attention.wqkv\(suffix)",
        rows: (0..<groups).map { group in
          let start = group * (queries + 2) * size
          return start + range.lowerBound * size..<start + range.upperBound * size
        })
    }
    return switch matrix {
    case .query: heads(0..<queries)
    case .key: heads(queries..<queries + 1)
    case .value: heads(queries + 1..<queries + 2)
    case .output: TensorLocation("model.layers.\(layer).attention.wo\(suffix)")
    case .gate: TensorLocation("model.layers.\(layer).feed_forward.w1\(suffix)")
    case .up: TensorLocation("model.layers.\(layer).feed_forward.w3\(suffix)")
    case .down: TensorLocation("model.layers.\(layer).feed_forward.w2\(suffix)")
    }
  }
}
