import DurableFiles
import LanguageModels

extension RotaryPositions {
  /// What a config.json says of rotary embeddings, wherever it stands. As `convert_rope_params_to_dict` in
  /// modeling_rope_utils.py (transformers 5.23): a non-empty `rope_scaling` stands in for `rope_parameters`, a `rope_theta`
  /// in there comes before the one beside it, and `RotaryEmbeddingConfigMixin.default_theta` is 10,000. Throws `value`.
  init(_ file: HuggingFaceConfiguration) throws(ModelFileError) {
    let scaling = try file.object("rope_scaling") ?? [:]
    let key = scaling.isEmpty ? "rope_parameters" : "rope_scaling"
    let members = scaling.isEmpty ? try file.object(key) ?? [:] : scaling
    var prefixed: [String: JSONValue] = [:]
    for (name, value) in members { prefixed["\(key).\(name)"] = value }
    let parameters = HuggingFaceConfiguration(prefixed, file: file.file)
    // `rope_parameters.setdefault("rope_type", rope_parameters.get("type", "default"))`
    let typeKey = parameters.contains("\(key).rope_type") ? "\(key).rope_type" : "\(key).type"
    guard try parameters.string(typeKey) ?? "default" == "default" else {
      throw parameters.invalid(typeKey, expected: "\"default\", the only rotary scaling known")
    }
    for (source, name) in [(parameters, "\(key).partial_rotary_factor"), (file, "partial_rotary_factor")] {
      _ = try source.number(name, expected: "1, for whole heads are turned") { $0 == 1 }
    }
    let isBase = { (theta: Double) in theta > 0 }
    let inside = try parameters.number("\(key).rope_theta", expected: "a number above 0", where: isBase)
    let beside = try file.number("rope_theta", expected: "a number above 0", where: isBase)
    self.init(base: inside ?? beside ?? 10_000)
  }

  /// The members of a config.json that say so: transformers 5 reads `rope_parameters`, everything older `rope_theta`.
  var members: [String: JSONValue] {
    [
      "rope_parameters": .object(["rope_theta": .number(base), "rope_type": .string("default")]),
      "rope_theta": .number(base),
    ]
  }
}
