import DurableFiles
public import Foundation
public import LanguageModels
public import TensorCore

extension DecoderConfiguration {
  /// The text of a config.json that transformers reads as this configuration: sorted keys, two spaces of indentation.
  /// `weightType` is the type that the weights beside it are stored in.
  public func huggingFaceJSON(weightType: WeightType) -> Data {
    let members: [String: JSONValue] = [
      "architectures": .array([.string("LlamaForCausalLM")]),
      "attention_bias": .bool(attentionBias),
      "bos_token_id": .id(bosTokenID),
      "eos_token_id": .ids(eosTokenIDs),
      "head_dim": .integer(headSize),
      "hidden_act": .string("silu"),
      "hidden_size": .integer(hiddenSize),
      "initializer_range": .shortest(initializerRange),
      "intermediate_size": .integer(feedForwardSize),
      "max_position_embeddings": .integer(contextLength),
      "mlp_bias": .bool(feedForwardBias),
      "model_type": .string("llama"),
      "num_attention_heads": .integer(headCount),
      "num_hidden_layers": .integer(layerCount),
      "num_key_value_heads": .integer(keyValueHeadCount),
      "pad_token_id": .id(padTokenID),
      "rms_norm_eps": .shortest(normEpsilon),
      // transformers 5 reads rope_parameters, everything older rope_theta.
      "rope_parameters": .object(["rope_theta": .number(ropeTheta), "rope_type": .string("default")]),
      "rope_theta": .number(ropeTheta),
      "tie_word_embeddings": .bool(tiesEmbeddings),
      "torch_dtype": .string(weightType.rawValue),
      "vocab_size": .integer(vocabularySize),
    ]
    return Data((JSONValue.object(members).text(indentation: 2) + "\n").utf8)
  }
}

extension JSONValue {
  /// A token id, or null.
  static func id(_ id: Int?) -> JSONValue { id.map { .integer($0) } ?? .null }

  /// Token ids the way transformers writes them: null for none, a number for one, else an array.
  static func ids(_ ids: [Int]) -> JSONValue {
    ids.count > 1 ? .array(ids.map { .integer($0) }) : .id(ids.first)
  }

  /// The shortest decimal that is read back as the same float: 1e-05, not 9.99999974737875e-06.
  static func shortest(_ value: Float) -> JSONValue { .number(Double(value.description) ?? Double(value)) }
}
