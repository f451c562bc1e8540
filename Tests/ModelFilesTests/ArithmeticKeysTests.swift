import Diagnostics
import Foundation
import TensorCore
import Testing

@testable import LanguageModels
@testable import ModelFiles

/// What is done about keys that a family does not read.
@Suite struct ArithmeticKeysTests {
  @Test(
    arguments: [
      ("sliding_window", "4096"), ("layer_types", #"["full_attention","sliding_attention"]"#),
      ("use_sliding_window", "true"), ("attn_logit_softcapping", "50.0"), ("final_logit_softcapping", "30"),
      ("query_pre_attn_scalar", "256"), ("embedding_multiplier", "12.0"), ("residual_multiplier", "0.22"),
      ("attention_multiplier", "0.0078125"), ("logits_scaling", "8"), ("scale_emb", "12"), ("scale_depth", "1.4"),
      ("dim_model_base", "256"), ("no_rope_layers", "[1,1,1,0]"), ("partial_rotary_factor", "0.75"),
      ("num_experts", "8"), ("num_local_experts", "16"), ("qk_layernorm", "true"), ("use_qk_norm", "true"),
      ("qkv_bias", "true"), ("use_bias", "true"), ("hidden_activation", "\"gelu_pytorch_tanh\""), ("alibi", "true"),
      ("parallel_attn", "true"), ("altup_num_inputs", "4"), ("num_kv_shared_layers", "15"),
      ("use_bidirectional_attention", "true"), ("quantization_config", #"{"bits":4}"#), ("kv_lora_rank", "512"),
      ("rope_local_base_freq", "10000.0"), ("per_layer_config", #"{"0":{"head_dim":4}}"#),
      ("dual_chunk_attention_config", #"{"chunk_size":8}"#), ("logit_scale", "0.0625"), ("rotary_dim", "4"),
    ])
  func whatChangesTheArithmeticIsRefused(key: String, value: String) {
    let found = refusal("llama", [key: value])
    #expect(found?.key == key && found?.found == value, "\(String(describing: found))")
  }

  @Test func whatChangesNothingIsNot() throws {
    let plain = try readConfiguration("llama")
    for (key, value) in [
      ("sliding_window", "null"), ("layer_types", #"["full_attention","full_attention"]"#),
      ("use_sliding_window", "false"), ("attn_logit_softcapping", "null"), ("embedding_multiplier", "1.0"),
      ("residual_multiplier", "1"), ("logits_scaling", "1.0"), ("no_rope_layers", "[1,1]"), ("num_experts", "0"),
      ("partial_rotary_factor", "1.0"), ("qk_layernorm", "false"), ("hidden_activation", "null"),
      ("hidden_activation", "\"silu\""), ("rope_interleaved", "false"), ("pruned_heads", "{}"), ("logit_scale", "null"),
      ("per_layer_config", "{}"), ("quantization_config", "null"), ("max_window_layers", "28"),
    ] {
      #expect(try readConfiguration("llama", [key: value]) == plain, "\(key) \(value)")
    }
  }

  @Test func positionsByLayerTypeAreGemmas() {
    let nested = #"{"full_attention":{"rope_theta":5},"sliding_attention":{"rope_theta":5}}"#
    #expect(refusal("llama", ["rope_parameters": nested])?.key.hasPrefix("rope_parameters.") == true)
  }

  @Test func ofStrangersTheUserIsTold() throws {
    let text = #"""
      {"model_type": "llama", "vocab_size": 16, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
       "num_attention_heads": 2, "strange": 3, "off": false, "none": null, "_name_or_path": "x", "unsloth_version": "1",
       "torch_dtype": "bfloat16", "auto_map": {}, "use_cache": true, "bos_token_id": 99}
      """#
    let file = try HuggingFaceConfiguration(Data(text.utf8), file: "config.json")
    let remarks = try DecoderConfiguration(file).remarks(on: file)
    #expect(remarks.map(\.key) == ["bos_token_id", "strange"])
    #expect(
      remarks.last.map(\.description)
        == "config.json: strange: expected a key that is known, found 3; left out of account")
  }

  /// What each family writes, it knows.
  @Test(arguments: KnownArchitectures.all.map(\.family)) func nothingWrittenIsStrange(family: String) throws {
    let heads = ["num_attention_heads": "32", "num_key_value_heads": "4", "head_dim": "2"]
    let json = try readConfiguration(family, heads).huggingFaceJSON(weightType: .bfloat16)
    let file = try HuggingFaceConfiguration(json, file: "config.json")
    #expect(try DecoderConfiguration(file).remarks(on: file) == [])
  }

  @Test(
    arguments: [
      ("qwen3_moe", "qwen3_moe is a family of its own: its layers are mixtures of experts"),
      ("mixtral", "mixtral is a family of its own: its layers are mixtures of experts"),
      ("gemma3n", "gemma3n is a family of its own: its layers have several streams, and embeddings of their own"),
      ("llama4", "llama4 is a family of its own: its layers are mixtures of experts"),
      ("qwen3x", "qwen3x is not qwen3, nor is it read as such"), ("xglm", nil),
    ] as [(String, String?)])
  func unknownFamiliesAreToldFromTheirNeighbours(name: String, advice: String?) {
    let found = refusal(name, [:])
    #expect(found?.key == "model_type" && found?.found == "\"\(name)\"")
    #expect(found?.advice == advice)
    for architecture in KnownArchitectures.all {
      #expect(found?.expected.contains("\"\(architecture.family)\"") == true)
    }
  }
}
