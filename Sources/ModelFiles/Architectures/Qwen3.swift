public import DurableFiles
public import LanguageModels

/// Qwen3 (Yang et al. 2025, arXiv 2505.09388): Qwen2 whose queries and keys are normalised head by head, with biases
/// only where config.json says so.
public struct Qwen3: Architecture {
  public let family = "qwen3"
  public let keys = LlamaKeys.names
  public let reads = QwenKeys.reads.union(["attention_bias"])

  /// The defaults are those of `Qwen3Config` (configuration_qwen3.py, transformers 5.24), cited in `QwenKeys` and here.
  public func configuration(from file: HuggingFaceConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var defaults = QwenKeys.defaults
    // `head_dim: int = 128`
    defaults.headSize = 128
    var configuration = try LlamaKeys.configuration(from: file, family: family, defaults: defaults)
    // `self.q_norm`, `self.k_norm` in `Qwen3Attention` (modeling_qwen3.py)
    configuration.normalizesQueriesAndKeys = true
    configuration.biases = try LlamaKeys.attentionBiases(file)
    configuration.setWindows(try QwenKeys.windows(file, layers: configuration.layerCount))
    return configuration
  }

  public func members(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    LlamaKeys.members(of: configuration, architecture: "Qwen3ForCausalLM")
      .merging(QwenKeys.members(of: configuration)) { own, _ in own }
      .merging(LlamaKeys.attentionBias(of: configuration)) { own, _ in own }
  }

  public func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    TensorLocation(LlamaNames.name(of: role))
  }
}
