import LanguageModels

/// Tensor names as `LlamaForCausalLM` in transformers has them, which many families share.
enum LlamaNames {
  /// The name of a weight.
  /// - Parameters:
  ///   - role: which weight.
  ///   - hasPostNorms: whether there are norms behind attention and feed-forward network, too. Then it is these that
  ///     are called so, and the norm before the latter has another name: as in Gemma 2.
  /// - Returns: the tensor's name.
  static func name(of role: WeightRole, hasPostNorms: Bool = false) -> String {
    switch role {
    case .embedding: "model.embed_tokens.weight"
    case .finalNorm: "model.norm.weight"
    case .head: "lm_head.weight"
    case .layer(let layer, .feedForwardNorm) where hasPostNorms:
      "model.layers.\(layer).pre_feedforward_layernorm.weight"
    case .layer(let layer, let weight): "model.layers.\(layer).\(name(of: weight))"
    }
  }

  private static func name(of weight: LayerWeight) -> String {
    switch weight {
    case .matrix(let matrix): "\(name(of: matrix)).weight"
    case .bias(let matrix): "\(name(of: matrix)).bias"
    case .attentionNorm: "input_layernorm.weight"
    case .feedForwardNorm, .attentionPostNorm: "post_attention_layernorm.weight"
    case .feedForwardPostNorm: "post_feedforward_layernorm.weight"
    case .queryNorm: "self_attn.q_norm.weight"
    case .keyNorm: "self_attn.k_norm.weight"
    }
  }

  private static func name(of matrix: LayerMatrix) -> String {
    switch matrix {
    case .query: "self_attn.q_proj"
    case .key: "self_attn.k_proj"
    case .value: "self_attn.v_proj"
    case .output: "self_attn.o_proj"
    case .gate: "mlp.gate_proj"
    case .up: "mlp.up_proj"
    case .down: "mlp.down_proj"
    }
  }
}
