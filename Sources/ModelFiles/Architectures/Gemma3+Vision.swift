import Diagnostics
import DurableFiles

extension HuggingFaceConfiguration {
  /// What a config.json says of the language model, where it is of a Gemma 3 that also sees; else the file itself.
  /// Throws `value` where it says nothing of it.
  func languageModel() throws(ModelFileError) -> HuggingFaceConfiguration {
    guard members["model_type"] == .string("gemma3") else { return self }
    guard let text = try object("text_config") else {
      throw invalid("text_config", expected: "what the language model is, an object")
    }
    var own = text
    // the whole's come before the part's: `tie_word_embeddings: bool | None = True` in `Gemma3Config`
    for key in ["tie_word_embeddings", "quantization_config"] { own[key] = members[key] ?? text[key] }
    for key in ["bos_token_id", "eos_token_id", "pad_token_id"] { own[key] = text[key] ?? members[key] }
    own["model_type"] = text["model_type"] ?? .string("gemma3_text")
    // files leave out what is the default of `Gemma3TextConfig` (configuration_gemma3.py, transformers 5.24)
    let sizes = [
      // `vocab_size: int = 262_208`, `hidden_size: int = 2304`, `intermediate_size: int = 9216`
      "vocab_size": 262_208, "hidden_size": 2304, "intermediate_size": 9216,
      // `num_hidden_layers: int = 26`, `num_attention_heads: int = 8`
      "num_hidden_layers": 26, "num_attention_heads": 8,
    ]
    own.merge(sizes.mapValues { .integer($0) }) { found, _ in found }
    return scoped(own, under: "text_config")
  }

  /// What to tell the user of a model that also sees.
  var blindness: InvalidValue? {
    guard members["model_type"] == .string("gemma3") else { return nil }
    return InvalidValue(
      file, "model_type", expected: "a language model alone", found: "\"gemma3\"",
      advice: "only its language model is read, and written as \"gemma3_text\": it sees no images")
  }
}
