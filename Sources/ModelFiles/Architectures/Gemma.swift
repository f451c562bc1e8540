public import DurableFiles
public import LanguageModels
import TensorCore

/// Gemma (Gemma Team 2024, arXiv 2403.08295): Llama with embeddings × √C, gains of 1 + weight, and a gate by GELU.
public struct Gemma: Architecture {
  public let family = "gemma"
  public let keys = LlamaKeys.names
  public let reads = GemmaKeys.reads.union(["hidden_activation"])

  /// The defaults are those of `GemmaConfig` (configuration_gemma.py, transformers 5.24), cited here and in
  /// `GemmaKeys`.
  public func configuration(from file: HuggingFaceConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    // `num_key_value_heads: int = 16`, `max_position_embeddings: int = 8192`
    var configuration = try GemmaKeys.configuration(
      from: file, family: family, keyValueHeadCount: 16, contextLength: 8192)
    // `hidden_act: str = "gelu_pytorch_tanh"`; `if self.hidden_act == "gelu": self.hidden_act = "gelu_pytorch_tanh"`
    if try file.string("hidden_act") != "gelu" {
      configuration.activation = try LlamaKeys.activation(file, "hidden_act", default: .geluTanh)
    }
    // transformers before 4.57 read this one first, where it was there
    guard
      try LlamaKeys.activation(file, "hidden_activation", default: configuration.activation)
        == configuration.activation
    else { throw file.invalid("hidden_activation", expected: "null, or the activation of hidden_act") }
    return configuration
  }

  public func members(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    GemmaKeys.members(of: configuration, architecture: "GemmaForCausalLM")
  }

  public func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    TensorLocation(LlamaNames.name(of: role))
  }
}
