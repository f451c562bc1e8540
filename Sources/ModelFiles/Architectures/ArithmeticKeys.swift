import Diagnostics
import DurableFiles

/// The keys of config.json by which some families change what is computed. A family that does not read one of them
/// (`Architecture.reads`) computes nothing by it, so its value must be one that changes nothing.
enum ArithmeticKeys {
  /// The values of a key that change nothing; null always does not.
  enum Neutral {
    /// No others.
    case null
    /// false, 0, and what is empty.
    case off
    /// 1
    case one
    /// Lists of this element alone.
    case each(JSONValue)
    /// Names of the activation that is computed without the key.
    case silu

    /// Whether a value is among them.
    func contains(_ value: JSONValue) -> Bool {
      switch (self, value) {
      case (_, .null): true
      case (.off, .bool(false)), (.off, .integer(0)), (.off, .number(0)): true
      case (.off, .array(let elements)): elements.isEmpty
      case (.off, .object(let members)): members.isEmpty
      case (.one, .integer(1)), (.one, .number(1)): true
      case (.each(let element), .array(let elements)): elements.allSatisfy { $0 == element }
      case (.silu, .string(let name)): ["silu", "swish"].contains(name)
      case (.null, _), (.off, _), (.one, _), (.each, _), (.silu, _): false
      }
    }

    /// They, for errors.
    var description: String {
      switch self {
      case .null: "null"
      case .off: "null, false or 0"
      case .one: "null or 1"
      case .each(let element): "\(element) for every layer"
      case .silu: "null or \"silu\""
      }
    }
  }

  /// All keys, from the configuration classes of transformers 5.24 and the files of families outside it.
  static let neutral = Dictionary(
    uniqueKeysWithValues: groups.flatMap { group in group.keys.map { ($0, group.neutral) } })

  private static let groups: [(neutral: Neutral, keys: [String])] = [
    // what each layer sees
    (
      .null,
      [
        "sliding_window", "sliding_window_pattern", "attention_chunk_size", "dual_chunk_attention_config",
        "block_configs",
      ]
    ),
    (.off, ["use_sliding_window", "full_attention_interval", "per_layer_config"]),
    (.each(.string("full_attention")), ["layer_types"]),
    (.off, ["use_bidirectional_attention", "add_cross_attention", "is_encoder_decoder", "pruned_heads"]),
    // positions
    (.each(.integer(1)), ["no_rope_layers"]),
    (.off, ["no_rope_layer_interval", "rope_interleave", "rope_interleaved", "alibi", "use_alibi"]),
    (.one, ["partial_rotary_factor", "rotary_pct"]),
    (.null, ["rope_local_base_freq", "rotary_dim", "sparse_config"]),
    (.one, ["full_attn_mod", "interpolate_factor"]),
    // scales and soft caps
    (.null, ["attn_logit_softcapping", "final_logit_softcapping", "query_pre_attn_scalar", "attention_multiplier"]),
    (.null, ["scale_depth", "dim_model_base", "swiglu_limit"]),
    (.one, ["embedding_multiplier", "residual_multiplier", "logits_scaling", "logit_scale", "scale_emb"]),
    (.off, ["scale_embedding", "attn_temperature_tuning", "attn_output_gate"]),
    // norms, biases, activations, the order of things
    (.off, ["qk_layernorm", "use_qk_norm", "qk_norm", "use_post_norm", "parallel_attn", "use_parallel_residual"]),
    (.off, ["attention_bias", "mlp_bias", "bias", "use_bias", "qkv_bias", "use_qkv_bias", "lm_head_bias"]),
    (.silu, ["hidden_activation"]),
    // mixtures of experts, latent attention, what Gemma 3n and 4 have
    (.off, ["num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "enable_moe_block"]),
    (.off, ["kv_lora_rank", "q_lora_rank", "num_kv_shared_layers", "hidden_size_per_layer_input", "laurel_rank"]),
    (.off, ["attention_k_eq_v"]),
    (.one, ["altup_num_inputs"]),
    // weights in another form
    (.null, ["compression_config"]),
  ]

  /// Checks the keys that a family does not read. Throws `value` for one that changes what is computed.
  static func check(_ file: HuggingFaceConfiguration, for architecture: any Architecture) throws(ModelFileError) {
    for (key, value) in file.members.sorted(by: { $0.key < $1.key }) {
      guard let neutral = neutral[key], !architecture.reads.contains(key), !neutral.contains(value) else { continue }
      throw file.invalid(
        key, expected: neutral.description,
        advice: "a \(architecture.family) model computes nothing by it, and other families do")
    }
  }
}
