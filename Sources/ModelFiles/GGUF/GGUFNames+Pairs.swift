import LanguageModels

extension GGUFNames {
  /// Where a weight lies in families whose rotary embeddings turn neighbouring channels of a head in llama.cpp
  /// (`LLAMA_ROPE_TYPE_NORM` in `llama_model_rope_type`), for which its converter reorders the rows of queries and keys
  /// of those that transformers turns otherwise (`LlamaModel.permute` in conversion/llama.py).
  static func location(of role: WeightRole, withPairsIn configuration: DecoderConfiguration) -> TensorLocation {
    TensorLocation(name(of: role), rows: LlamaNames.rows(of: role, withPairsIn: configuration))
  }
}
