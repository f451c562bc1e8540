public import DurableFiles
public import LanguageModels

/// Qwen2 and Qwen2.5 (Yang et al. 2024, arXiv 2407.10671), and DeepSeek-R1-Distill-Qwen: Llama with biases on queries,
/// keys and values, and windows from some layer on.
public struct Qwen2: Architecture {
  public let family = "qwen2"
  public let keys = LlamaKeys.names
  public let reads = QwenKeys.reads

  /// The defaults are those of `Qwen2Config` (configuration_qwen2.py, transformers 5.24), cited in `QwenKeys`.
  public func configuration(from file: HuggingFaceConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try LlamaKeys.configuration(from: file, family: family, defaults: QwenKeys.defaults)
    // `Qwen2Attention` has no key for them (modeling_qwen2.py)
    configuration.biases = [.query, .key, .value]
    configuration.setWindows(try QwenKeys.windows(file, layers: configuration.layerCount))
    return configuration
  }

  public func members(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    LlamaKeys.members(of: configuration, architecture: "Qwen2ForCausalLM")
      .merging(QwenKeys.members(of: configuration)) { own, _ in own }
  }

  public func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    TensorLocation(LlamaNames.name(of: role))
  }
}
