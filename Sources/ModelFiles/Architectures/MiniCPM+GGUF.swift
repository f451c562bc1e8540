public import GGUF
public import LanguageModels

extension MiniCPM: GGUFArchitecture {
  public var nameInGGUF: String { "minicpm" }
  public var turnsNeighboursInGGUF: Bool { true }

  /// Facts and defaults are those of `llama_model_minicpm` (models/minicpm.cpp of llama.cpp, 2026).
  public func configuration(from file: GGUFConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try GGUFKeys.configuration(from: file, family: family)
    // "Backward-compatible defaults for older MiniCPM GGUFs": 12, 1.4/√L and 256/C
    configuration.embeddingScale = .factor(Float(try file.factor("embedding_scale") ?? 12))
    let depth = Double(configuration.layerCount).squareRoot()
    configuration.residualScale = Float(try file.factor("residual_scale") ?? 1.4 / depth)
    // `logit_scale = self.hparams["hidden_size"] / self.hparams["dim_model_base"]` (conversion/minicpm.py)
    let size = Double(configuration.hiddenSize)
    let base = try file.factor("logit_scale").map { (size / $0).shortestFloat } ?? 256
    configuration.logitScale = Float(base / size)
    return configuration
  }

  public func metadataInGGUF(of configuration: DecoderConfiguration) -> [String: GGUFWrittenValue] {
    var values = GGUFKeys.metadata(of: configuration)
    values["embedding_scale"] = .float32(
      configuration.embeddingScale.value(hiddenSize: configuration.hiddenSize))
    values["residual_scale"] = .float32(configuration.residualScale)
    values["logit_scale"] = .inverse(of: configuration.logitScale)
    return values
  }

  public var tensorsInGGUF: GGUFFamilyTensors { GGUFFamilyTensors(longRopeFactors: true) }
}
