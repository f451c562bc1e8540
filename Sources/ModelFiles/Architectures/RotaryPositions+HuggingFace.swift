import DurableFiles
import LanguageModels

extension RotaryPositions {
  /// What a config.json says of rotary embeddings, wherever it stands. As `convert_rope_params_to_dict` in
  /// modeling_rope_utils.py (transformers 5.24): a non-empty `rope_scaling` stands in for `rope_parameters`, and a
  /// `rope_theta` in there comes before the one beside it.
  /// - Parameters:
  ///   - file: config.json.
  ///   - base: the base where there is none.
  ///   - kinds: the ways of scaling that the family has, by their names.
  ///   - isPartial: whether the family can turn a share of each head.
  /// - Throws: `value`.
  init(
    _ file: HuggingFaceConfiguration, default base: Double = 10_000, kinds: [String: ScalingKind] = ScalingKind.names,
    isPartial: Bool = false
  ) throws(ModelFileError) {
    let key = try Self.key(in: file)
    try self.init(file.object(key) ?? [:], at: key, of: file, default: base, kinds: kinds, isPartial: isPartial)
  }

  /// What some parameters say.
  /// - Parameters:
  ///   - members: the parameters.
  ///   - key: where in `file` they stand.
  ///   - file: config.json.
  ///   - baseKey: the key in there of a base that does not stand in `members`.
  ///   - base: the base where there is none.
  ///   - kinds: the ways of scaling that the family has, by their names.
  ///   - isPartial: whether the family can turn a share of each head.
  /// - Throws: `value`.
  init(
    _ members: [String: JSONValue], at key: String, of file: HuggingFaceConfiguration, baseKey: String = "rope_theta",
    default base: Double, kinds: [String: ScalingKind] = ScalingKind.names, isPartial: Bool = false
  ) throws(ModelFileError) {
    let parameters = file.scoped(members, under: key)
    for (name, value) in members {
      guard case .object = value else { continue }
      throw parameters.invalid(name, expected: "a value, for all layers of the family rotate alike")
    }
    let scaling = try RotaryScaling(parameters, beside: file, kinds: kinds)
    func share(_ source: HuggingFaceConfiguration) throws(ModelFileError) -> Double? {
      try source.number(
        "partial_rotary_factor",
        expected: isPartial ? "a number above 0 and at most 1" : "1, for whole heads are turned"
      ) { isPartial ? $0 > 0 && $0 <= 1 : $0 == 1 }
    }
    let (innerShare, outerShare) = (try share(parameters), try share(file))
    let isBase = { (theta: Double) in theta > 0 }
    let inside = try parameters.number("rope_theta", expected: "a number above 0", where: isBase)
    let beside = try file.number(baseKey, expected: "a number above 0", where: isBase)
    self.init(base: inside ?? beside ?? base, scaling: scaling, rotatedShare: innerShare ?? outerShare ?? 1)
  }

  /// The key under which a config.json says so. Throws `value`.
  static func key(in file: HuggingFaceConfiguration) throws(ModelFileError) -> String {
    try file.object("rope_scaling")?.isEmpty ?? true ? "rope_parameters" : "rope_scaling"
  }

  /// The members of a config.json that say so: transformers 5 reads `rope_parameters`, everything older `rope_theta`
  /// and `rope_scaling`, where there is scaling. LongRoPE's original context stands beside them, too, for transformers
  /// 4 looks for it nowhere else (`_compute_longrope_parameters` in modeling_rope_utils.py of 4.57).
  var members: [String: JSONValue] {
    var members: [String: JSONValue] = ["rope_theta": .number(base), "rope_parameters": .object(parameters)]
    if scaling != .none { members["rope_scaling"] = .object(scaling.members) }
    if let length = scaling.longRopeContext { members["original_max_position_embeddings"] = .integer(length) }
    return members.merging(share) { own, _ in own }
  }

  /// The members of `rope_parameters`.
  var parameters: [String: JSONValue] {
    scaling.members.merging(["rope_theta": .number(base)]) { own, _ in own }.merging(share) { own, _ in own }
  }

  private var share: [String: JSONValue] {
    rotatedShare == 1 ? [:] : ["partial_rotary_factor": .number(rotatedShare)]
  }
}

extension RotaryScaling {
  /// The factors have no defaults in transformers. The original context has, in `convert_rope_params_to_dict`: one that
  /// stands outside comes first, and the context itself is the last resort.
  fileprivate init(
    _ parameters: HuggingFaceConfiguration, beside file: HuggingFaceConfiguration, kinds: [String: ScalingKind]
  ) throws(ModelFileError) {
    func number(_ name: String) throws(ModelFileError) -> Double {
      let found = try parameters.number(name, expected: "a number above 0") { $0 > 0 }
      guard let found else { throw parameters.invalid(name, expected: "a number above 0") }
      return found
    }
    // `rope_parameters.setdefault("rope_type", rope_parameters.get("type", "default"))`
    let typeKey = parameters.contains("rope_type") ? "rope_type" : "type"
    let type = try parameters.string(typeKey) ?? "default"
    if type == "default" {
      self = .none
      return
    }
    switch kinds[type] {
    case nil:
      let names = ["default"] + kinds.keys.sorted()
      throw parameters.invalid(typeKey, expected: "one of " + names.map { "\"\($0)\"" }.joined(separator: ", "))
    case .linear: self = .linear(factor: try number("factor"))
    case .dynamic: self = .beyondTheContext(factor: try number("factor"))
    case .llama3:
      self = .llama3(
        factor: try number("factor"), lowFrequencyFactor: try number("low_freq_factor"),
        highFrequencyFactor: try number("high_freq_factor"),
        originalContextLength: try Self.originalLength(parameters, beside: file))
    case .longRope: try self.init(longRope: parameters, beside: file)
    }
  }

  /// The members of `rope_parameters` but for the base.
  fileprivate var members: [String: JSONValue] {
    switch self {
    case .none: ["rope_type": .string("default")]
    case .linear(let factor): ["rope_type": .string("linear"), "factor": .number(factor)]
    case .beyondTheContext(let factor): ["rope_type": .string("dynamic"), "factor": .number(factor)]
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
