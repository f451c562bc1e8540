public import DurableFiles
public import LanguageModels

/// The language model of Gemma 3 (Gemma Team 2025, arXiv 2503.19786): Gemma 2 with normalised queries and keys instead
/// of a cap on scores, a window in most layers, and rotary positions of their own for layers with a window and without.
/// A folder of a model that also sees is read by `HuggingFaceConfiguration.languageModel()`.
public struct Gemma3: Architecture {
  public let family = "gemma3_text"
  public let keys = GemmaKeys.laterNames
  /// `attn_logit_softcapping` is not read, for `Gemma3Attention` has it and does not use it (modeling_gemma3.py).
  public let reads = GemmaKeys.laterReads.union(["rope_local_base_freq", "sliding_window_pattern"])

  /// The defaults are those of `Gemma3TextConfig` (configuration_gemma3.py, transformers 5.24), cited here and in
  /// `GemmaKeys`.
  public func configuration(from file: HuggingFaceConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    let rotary = try Rotary(file)
    // `num_key_value_heads: int = 4`, `max_position_embeddings: int = 131_072`
    var configuration = try GemmaKeys.configuration(
      from: file, family: family, keyValueHeadCount: 4, contextLength: 131_072, rotary: rotary.full)
    try GemmaKeys.addLaterParts(to: &configuration, from: file)
    configuration.normalizesQueriesAndKeys = true
    // `final_logit_softcapping: float | None = None`
    configuration.logitCap = try GemmaKeys.cap("final_logit_softcapping", file, default: nil)
    let pattern = try pattern(file)
    // `sliding_window: int | None = 4096`
    configuration.setWindows(
      try LayerTypes.windows(
        file, layers: configuration.layerCount, window: try LayerTypes.window(file, default: 4096)
      ) { ($0 + 1) % pattern != 0 })
    for layer in configuration.attention.indices where configuration.attention[layer].window != nil {
      configuration.attention[layer].rotary = rotary.sliding
    }
    return configuration
  }

  /// Every so many layers, one has no window. Throws `value`.
  private func pattern(_ file: HuggingFaceConfiguration) throws(ModelFileError) -> Int {
    let sizes = 1...DecoderConfiguration.sizeLimit
    // `self._sliding_window_pattern = kwargs.get("sliding_window_pattern", 6)`
    let pattern = try file.integer("sliding_window_pattern", in: sizes) ?? 6
    // written beside `layer_types`, and not read
    let noted = try file.integer("_sliding_window_pattern", in: sizes) ?? pattern
    guard noted == pattern || file.present("layer_types") != nil else {
      throw file.invalid("_sliding_window_pattern", expected: "\(pattern), or layer_types beside it")
    }
    return pattern
  }

  public func members(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    GemmaKeys.laterMembers(of: configuration, architecture: "Gemma3ForCausalLM")
      .merging(Rotary(configuration).members) { _, new in new }
  }

  public func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    TensorLocation(LlamaNames.name(of: role, hasPostNorms: true))
  }
}

/// The rotary positions of the layers without and with a window, as `Gemma3TextConfig.convert_rope_params_to_dict`
/// reads them.
private struct Rotary {
  /// `default_theta = {"global": 1_000_000.0, "local": 10_000.0}`
  var full = RotaryPositions(base: 1_000_000)
  var sliding = RotaryPositions(base: 10_000)

  init(_ file: HuggingFaceConfiguration) throws(ModelFileError) {
    let name = "rope_parameters"
    let types = try file.object(name) ?? [:]
    guard types.keys.allSatisfy(["full_attention", "sliding_attention"].contains) else {
      throw file.invalid(name, expected: "an object at full_attention, and one at sliding_attention")
    }
    let nested = file.scoped(types, under: name)
    // `self.rope_parameters["full_attention"].update(rope_scaling)`
    let scaling = try file.object("rope_scaling")
    let own = try nested.object("full_attention") ?? [:]
    full = try RotaryPositions(
      own.merging(scaling ?? [:]) { _, new in new }, at: scaling == nil ? "\(name).full_attention" : "rope_scaling",
      of: file, default: full.base)
    sliding = try RotaryPositions(
      try nested.object("sliding_attention") ?? [:], at: "\(name).sliding_attention", of: file,
      baseKey: "rope_local_base_freq", default: sliding.base)
  }

  init(_ configuration: DecoderConfiguration) {
    full = configuration.attention.first { $0.window == nil }?.rotary ?? full
    sliding = configuration.attention.first { $0.window != nil }?.rotary ?? sliding
  }

  /// transformers 5 reads `rope_parameters`, everything older the others.
  var members: [String: JSONValue] {
    var members = full.members
    members["rope_local_base_freq"] = .number(sliding.base)
    members["rope_parameters"] = .object([
      "full_attention": .object(full.parameters), "sliding_attention": .object(sliding.parameters),
    ])
    return members
  }
}
