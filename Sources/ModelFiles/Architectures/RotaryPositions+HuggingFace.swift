import DurableFiles
import LanguageModels

extension RotaryPositions {
  /// What a config.json says of rotary embeddings, wherever it stands. As `convert_rope_params_to_dict` in
  /// modeling_rope_utils.py (transformers 5.23): a non-empty `rope_scaling` stands in for `rope_parameters`, a
  /// `rope_theta` in there comes before the one beside it, and `RotaryEmbeddingConfigMixin.default_theta` is 10,000.
  /// Throws `value`.
  init(_ file: HuggingFaceConfiguration) throws(ModelFileError) {
    let key = try Self.key(in: file)
    let members = try file.object(key) ?? [:]
    var prefixed: [String: JSONValue] = [:]
    for (name, value) in members { prefixed["\(key).\(name)"] = value }
    let parameters = HuggingFaceConfiguration(prefixed, file: file.file)
    // `rope_parameters.setdefault("rope_type", rope_parameters.get("type", "default"))`
    let typeKey = parameters.contains("\(key).rope_type") ? "\(key).rope_type" : "\(key).type"
    let scaling = try RotaryScaling(parameters, key: key, typeKey: typeKey, beside: file)
    for (source, name) in [(parameters, "\(key).partial_rotary_factor"), (file, "partial_rotary_factor")] {
      _ = try source.number(name, expected: "1, for whole heads are turned") { $0 == 1 }
    }
    let isBase = { (theta: Double) in theta > 0 }
    let inside = try parameters.number("\(key).rope_theta", expected: "a number above 0", where: isBase)
    let beside = try file.number("rope_theta", expected: "a number above 0", where: isBase)
    self.init(base: inside ?? beside ?? 10_000, scaling: scaling)
  }

  /// The key under which a config.json says so. Throws `value`.
  static func key(in file: HuggingFaceConfiguration) throws(ModelFileError) -> String {
    try file.object("rope_scaling")?.isEmpty ?? true ? "rope_parameters" : "rope_scaling"
  }

  /// The members of a config.json that say so: transformers 5 reads `rope_parameters`, everything older `rope_theta`
  /// and `rope_scaling`, where there is scaling.
  var members: [String: JSONValue] {
    var parameters = scaling.members
    var members: [String: JSONValue] = ["rope_theta": .number(base)]
    if scaling != .none { members["rope_scaling"] = .object(parameters) }
    parameters["rope_theta"] = .number(base)
    members["rope_parameters"] = .object(parameters)
    return members
  }
}

extension RotaryScaling {
  /// The factors have no defaults in transformers. The original context has, in `convert_rope_params_to_dict`: one that
  /// stands outside comes first, and the context itself is the last resort.
  fileprivate init(
    _ parameters: HuggingFaceConfiguration, key: String, typeKey: String, beside file: HuggingFaceConfiguration
  ) throws(ModelFileError) {
    func number(_ name: String) throws(ModelFileError) -> Double {
      let found = try parameters.number("\(key).\(name)", expected: "a number above 0") { $0 > 0 }
      guard let found else { throw parameters.invalid("\(key).\(name)", expected: "a number above 0") }
      return found
    }
    switch try parameters.string(typeKey) ?? "default" {
    case "default": self = .none
    case "linear": self = .linear(factor: try number("factor"))
    case "llama3":
      let (name, sizes) = ("original_max_position_embeddings", 1...DecoderConfiguration.sizeLimit)
      let inside = try parameters.integer("\(key).\(name)", in: sizes)
      let outside = try file.integer(name, in: sizes)
      let context = try file.integer("max_position_embeddings", in: sizes)
      guard let length = outside ?? inside ?? context else {
        throw parameters.invalid("\(key).\(name)", expected: "the number of tokens of the original context")
      }
      self = .llama3(
        factor: try number("factor"), lowFrequencyFactor: try number("low_freq_factor"),
        highFrequencyFactor: try number("high_freq_factor"), originalContextLength: length)
    default: throw parameters.invalid(typeKey, expected: "\"default\", \"linear\" or \"llama3\"")
    }
  }

  /// The members of `rope_parameters` but for the base.
  fileprivate var members: [String: JSONValue] {
    switch self {
    case .none: ["rope_type": .string("default")]
    case .linear(let factor): ["rope_type": .string("linear"), "factor": .number(factor)]
    case .llama3(let factor, let low, let high, let contextLength):
      [
        "rope_type": .string("llama3"), "factor": .number(factor), "low_freq_factor": .number(low),
        "high_freq_factor": .number(high), "original_max_position_embeddings": .integer(contextLength),
      ]
    case .longRope(let short, let long, let contextLength, let amplitude):
      [
        "rope_type": .string("longrope"), "short_factor": .array(short.map { .number($0) }),
        "long_factor": .array(long.map { .number($0) }), "attention_factor": .number(amplitude),
        "original_max_position_embeddings": .integer(contextLength),
      ]
    }
  }
}
