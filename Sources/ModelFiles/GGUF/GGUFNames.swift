import LanguageModels

/// Tensor names as llama.cpp has them (`TENSOR_NAMES` in gguf-py's constants.py), alike for all families.
enum GGUFNames {
  /// The factors of the frequencies of rotary embeddings, which are no weights.
  static let rotaryFactors = ["rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"]

  /// The name of a weight.
  static func name(of role: WeightRole) -> String {
    switch role {
    case .embedding: "token_embd.weight"
    case .finalNorm: "output_norm.weight"
    case .head: "output.weight"
    case .layer(let layer, let weight): "blk.\(layer).\(name(of: weight))"
    }
  }

  private static func name(of weight: LayerWeight) -> String {
    switch weight {
    case .matrix(let matrix): "\(name(of: matrix)).weight"
    case .bias(let matrix): "\(name(of: matrix)).bias"
    case .attentionNorm: "attn_norm.weight"
    case .feedForwardNorm: "ffn_norm.weight"
    case .attentionPostNorm: "post_attention_norm.weight"
    case .feedForwardPostNorm: "post_ffw_norm.weight"
    case .queryNorm: "attn_q_norm.weight"
    case .keyNorm: "attn_k_norm.weight"
    }
  }

  private static func name(of matrix: LayerMatrix) -> String {
    switch matrix {
    case .query: "attn_q"
    case .key: "attn_k"
    case .value: "attn_v"
    case .output: "attn_output"
    case .gate: "ffn_gate"
    case .up: "ffn_up"
    case .down: "ffn_down"
    }
  }
}
