public import LanguageModels

extension Llama: LlamaInGGUF {}

/// Its files do not say a window, nor does llama.cpp have one.
extension Mistral: LlamaInGGUF {}

/// conversion/internlm.py of llama.cpp.
extension InternLM3: LlamaInGGUF {}

/// A family that llama.cpp calls a Llama. Its files do not say which, and are read as those of a Llama.
public protocol LlamaInGGUF: GGUFArchitecture {}

extension LlamaInGGUF {
  public var nameInGGUF: String { "llama" }
  public var turnsNeighboursInGGUF: Bool { true }

  /// Where the heads do not divide the hidden size, which transformers demands of a Llama, it is read as a Mistral.
  /// Facts are those of `llama_model_llama` (models/llama.cpp of llama.cpp, 2026).
  public func configuration(from file: GGUFConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try GGUFKeys.configuration(from: file, family: Llama().family)
    if configuration.headCount > 0, !configuration.hiddenSize.isMultiple(of: configuration.headCount) {
      configuration.family = Mistral().family
    }
    return configuration
  }

  /// All are `TENSOR_NOT_REQUIRED` there.
  public var tensorsInGGUF: GGUFFamilyTensors { .ofLlama }
}

extension GGUFFamilyTensors {
  /// Of Llama and what llama.cpp computes as it does a Llama.
  static let ofLlama = GGUFFamilyTensors(
    biases: Set(LayerMatrix.allCases), frequencyFactors: true, longRopeFactors: true)
}
