public import LanguageModels

extension DecoderConfiguration {
  /// What windows to evaluate begin with where the tokenizer has no BOS: `bos_token_id`, else the first of
  /// `eos_token_id`, behind which the next text began in training; nil without either. The same order as in
  /// lm-evaluation-harness (`prefix_token_id` in lm_eval/models/huggingface.py).
  public var beginningID: Int32? { (bosTokenID ?? eosTokenIDs.first).map { Int32($0) } }
}
