import DurableFiles
import LanguageModels

/// The ways of scaling that config.json can name.
enum ScalingKind {
  case linear, dynamic, llama3, longRope

  /// Those of `ROPE_INIT_FUNCTIONS` (modeling_rope_utils.py, transformers 5.24) that are computed, under their names
  /// there.
  static let names: [String: ScalingKind] = [
    "linear": .linear, "dynamic": .dynamic, "llama3": .llama3, "longrope": .longRope,
  ]
}

extension RotaryScaling {
  /// LongRoPE, as `_compute_longrope_parameters` in modeling_rope_utils.py (transformers 5.24) reads it: an
  /// `attention_factor` is the amplitude, which else follows from `factor`, which else is the context divided by the
  /// original one. Throws `value`.
  init(longRope parameters: HuggingFaceConfiguration, beside file: HuggingFaceConfiguration) throws(ModelFileError) {
    func factors(_ key: String) throws(ModelFileError) -> [Double] {
      guard let factors = try parameters.numbers(key) else {
        throw parameters.invalid(key, expected: "an array of numbers, one for each pair of channels that is turned")
      }
      return factors
    }
    let isFactor = { (factor: Double) in factor > 0 }
    let length = try Self.originalLength(parameters, beside: file)
    let given = try parameters.number("factor", expected: "a number above 0", where: isFactor)
    let context = try file.integer("max_position_embeddings", in: 1...DecoderConfiguration.sizeLimit)
    guard let scale = given ?? context.map({ Double($0) / Double(length) }) else {
      throw file.invalid("max_position_embeddings", expected: "the number of tokens of the context")
    }
    self = .longRope(
      shortFactors: try factors("short_factor"), longFactors: try factors("long_factor"),
      originalContextLength: length,
      amplitude: try parameters.number("attention_factor", expected: "a number above 0", where: isFactor)
        ?? Self.amplitude(scale: scale, originalContextLength: length))
  }

  /// The number of tokens of the original context. As `standardize_rope_params` in modeling_rope_utils.py: one that
  /// stands outside comes first, and the context itself is the last resort. Throws `value`.
  static func originalLength(
    _ parameters: HuggingFaceConfiguration, beside file: HuggingFaceConfiguration
  ) throws(ModelFileError) -> Int {
    let (name, sizes) = ("original_max_position_embeddings", 1...DecoderConfiguration.sizeLimit)
    let inside = try parameters.integer(name, in: sizes)
    let outside = try file.integer(name, in: sizes)
    let context = try file.integer("max_position_embeddings", in: sizes)
    guard let length = outside ?? inside ?? context else {
      throw parameters.invalid(name, expected: "the number of tokens of the original context")
    }
    return length
  }

  /// The number of tokens of the original context of LongRoPE; nil for other ways of scaling.
  var longRopeContext: Int? {
    if case .longRope(_, _, let length, _) = self { length } else { nil }
  }
}
