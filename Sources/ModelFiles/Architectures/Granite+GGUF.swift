public import GGUF
public import LanguageModels

extension Granite: GGUFArchitecture {
  public var nameInGGUF: String { "granite" }
  public var turnsNeighboursInGGUF: Bool { true }

  /// Facts and defaults are those of `llama_model_granite` (models/granite.cpp of llama.cpp, 2026).
  public func configuration(from file: GGUFConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    var configuration = try GGUFKeys.configuration(from: file, family: family)
    // read without a default
    guard let divisor = try file.factor("logit_scale") else {
      throw file.invalid("logit_scale", expected: "a number above 0")
    }
    configuration.logitScale = Float(1 / divisor)
    // `if (hparams.f_residual_scale)`, and so the embedding's: 0, which is the default, is 1
    configuration.residualScale = Float(try file.scale("residual_scale") ?? 1)
    configuration.embeddingScale = .factor(Float(try file.scale("embedding_scale") ?? 1))
    // `f_attention_scale == 0.0f ? 1.0f/sqrtf(float(n_embd_head)) : hparams.f_attention_scale`
    configuration.attentionScale = try file.scale("attention.scale").map { Float($0) } ?? configuration.scoreScale
    // "Granite uses rope_finetuned as a switch for rope, so default to true"
    if try file.bool("rope.scaling.finetuned") == false {
      for layer in configuration.attention.indices { configuration.attention[layer].rotary = nil }
    }
    return configuration
  }

  public func metadataInGGUF(of configuration: DecoderConfiguration) -> [String: GGUFWrittenValue] {
    var values = GGUFKeys.metadata(of: configuration)
    values["logit_scale"] = .inverse(of: configuration.logitScale)
    values["residual_scale"] = .float32(configuration.residualScale)
    values["embedding_scale"] = .float32(
      configuration.embeddingScale.value(hiddenSize: configuration.hiddenSize))
    values["attention.scale"] = .float32(configuration.scoreScale)
    if configuration.attention.allSatisfy({ $0.rotary == nil }) { values["rope.scaling.finetuned"] = .bool(false) }
    return values
  }

  /// All are `TENSOR_NOT_REQUIRED` there.
  public var tensorsInGGUF: GGUFFamilyTensors { .ofLlama }
}
