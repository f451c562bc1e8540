import Diagnostics
import DurableFiles

/// The keys of config.json that are known to be read, or to mean nothing for what a language model computes. Of others
/// the user is told.
enum FamiliarKeys {
  /// Everyone reads these, or the family does.
  private static let read = Set(LlamaKeys.names.values).union([
    "model_type", "architectures", "hidden_act", "rope_scaling", "rope_parameters", "rope_theta",
    "original_max_position_embeddings", "tie_word_embeddings", "quantization_config", "max_window_layers",
  ])

  /// About training, generation, classification, and how transformers or other programs run the model.
  private static let meaningless: Set = [
    "torch_dtype", "dtype", "transformers_version", "name_or_path", "auto_map", "use_cache", "cache_implementation",
    "attn_implementation", "use_flash_attn", "torchscript", "use_bfloat16", "tf_legacy_loss", "is_decoder",
    "chunk_size_feed_forward", "pretraining_tp", "max_sequence_length", "is_llama_config", "transformers.js_config",
    "tokenizer_class", "model_max_length", "return_dict", "output_attentions", "output_hidden_states",
    "output_router_logits", "output_scores", "return_dict_in_generate", "mlp_only_layers", "num_nextn_predict_layers",
    "mup_denominator", "attention_dropout", "hidden_dropout", "resid_pdrop", "embd_pdrop",
    "attention_probs_dropout_prob",
    "hidden_dropout_prob", "id2label", "label2id", "num_labels", "problem_type", "task_specific_params",
    "finetuning_task", "prefix", "sep_token_id", "decoder_start_token_id", "tie_encoder_decoder",
    "cross_attention_hidden_size", "do_sample", "temperature", "top_k", "top_p", "typical_p", "repetition_penalty",
    "length_penalty", "diversity_penalty", "max_length", "min_length", "num_beams", "num_beam_groups",
    "num_return_sequences", "early_stopping", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids",
    "forced_bos_token_id", "forced_eos_token_id", "remove_invalid_values", "exponential_decay_length_penalty",
    "suppress_tokens", "begin_suppress_tokens", "max_new_tokens",
  ]

  /// What is read of `rope_scaling` and `rope_parameters`.
  private static let rotary: Set = [
    "rope_type", "type", "factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings",
    "short_factor", "long_factor", "rope_theta", "partial_rotary_factor", "attention_factor",
    "full_attention", "sliding_attention",
  ]

  /// One sentence for each key of a file that nobody knows, unless its value says that there is nothing.
  static func strangers(in file: HuggingFaceConfiguration) -> [InvalidValue] {
    func sentences(_ members: [String: JSONValue], under scope: String, known: (String) -> Bool) -> [InvalidValue] {
      members.sorted { $0.key < $1.key }.compactMap { key, value in
        guard !known(key), value != .null, value != .bool(false) else { return nil }
        return InvalidValue(
          file.file, scope + key, expected: "a key that is known", found: value.description,
          advice: "left out of account")
      }
    }
    let own = sentences(file.members, under: file.scope) { key in
      read.contains(key) || meaningless.contains(key) || ArithmeticKeys.neutral[key] != nil || key.hasPrefix("_")
        || key.hasPrefix("unsloth_")
    }
    return ["rope_parameters", "rope_scaling"].reduce(own) { all, key in
      guard case .object(let members) = file.members[key] else { return all }
      return all + sentences(members, under: "\(file.scope)\(key).", known: rotary.contains)
    }
  }
}
