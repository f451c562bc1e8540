import GGUF
import LanguageModels

extension RotaryPositions {
  /// What the metadata says of rotary embeddings. Defaults are those of `llama_model_base::load_hparams` in
  /// llama-model.cpp (llama.cpp, 2026).
  /// - Parameters:
  ///   - file: the metadata.
  ///   - headSize: D.
  /// - Throws: `value`.
  init(_ file: GGUFConfiguration, headSize: Int) throws(ModelFileError) {
    let rotated = try file.size("rope.dimension_count") ?? headSize
    guard rotated <= headSize else {
      throw file.invalid("rope.dimension_count", expected: "at most the \(headSize) channels of a head")
    }
    self.init(
      // `hparams.rope_freq_base_train = 10000.0f`
      base: try file.factor("rope.freq_base") ?? 10_000, scaling: try RotaryScaling(file),
      rotatedShare: Double(rotated) / Double(headSize))
  }
}

extension RotaryScaling {
  /// Throws `value` for a kind that is not computed.
  fileprivate init(_ file: GGUFConfiguration) throws(ModelFileError) {
    // `std::string rope_scaling("linear")`; the old name of the factor is "rope.scale_linear"
    let key = "rope.scaling.type"
    let kind = try file.string(key) ?? "linear"
    let given = if let new = try file.number("rope.scaling.factor") { new } else { try file.number("rope.scale_linear") }
    // `ropescale == 0.0f ? 1.0f : 1.0f/ropescale`
    let factor = given ?? 0
    switch kind {
    case "none": self = .none
    case "linear": self = factor == 0 || factor == 1 ? .none : .linear(factor: factor)
    default:
      throw file.invalid(key, expected: "\"none\" or \"linear\"")
    }
  }
}
