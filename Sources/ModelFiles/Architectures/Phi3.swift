public import DurableFiles
public import LanguageModels

/// Phi-3, Phi-3.5-mini and Phi-4-mini (Abdin et al. 2024, arXiv 2404.14219): Llama whose queries, keys and values lie
/// in one tensor, and gate and up in another, with LongRoPE, rotation of a share of each head, and a window.
public struct Phi3: Architecture {
  public let family = "phi3"
  public let keys = LlamaKeys.names.merging(["rotary.rotatedShare": "partial_rotary_factor"]) { own, _ in own }
  public let reads: Set = ["sliding_window", "partial_rotary_factor"]

  /// The defaults are those of `Phi3Config` (configuration_phi3.py, transformers 5.24), cited one by one.
  public func configuration(from file: HuggingFaceConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    // `max_position_embeddings: int = 4096`, `original_max_position_embeddings: int = 4096`
    let file = file.filling("max_position_embeddings", with: .integer(4096))
      .filling("original_max_position_embeddings", with: .integer(4096))
    // `validate_rope`: "`rope_parameters`'s type field must be one of ['longrope']"; "su" and "yarn" are other names of
    // it in `convert_rope_params_to_dict`
    let rotary = try RotaryPositions(
      file, kinds: ["longrope": .longRope, "su": .longRope, "yarn": .longRope], isPartial: true)
    var configuration = try LlamaKeys.configuration(
      from: file, family: family,
      defaults: LlamaKeys.Defaults(
        // `if self.num_key_value_heads is None: self.num_key_value_heads = self.num_attention_heads`
        keyValueHeadCount: nil,
        contextLength: 4096,
        // `rms_norm_eps: float = 1e-5`
        normEpsilon: 1e-5,
        // `bos_token_id: int | None = 1`, `eos_token_id: int | list[int] | None = 32000`
        bosTokenID: 1, eosTokenIDs: [32_000],
        // `pad_token_id: int | None = 32000`
        padTokenID: 32_000),
      rotary: rotary)
    // `rotary_ndims = int(self.hidden_size // self.num_attention_heads * ...)` is what the factors are counted by
    if rotary.scaling != .none {
      try LlamaKeys.requireHeadsThatFillTheHiddenSize(
        configuration, file, advice: "transformers counts the factors of longrope by it")
    }
    // `sliding_window: int | None = None`, and `create_sliding_window_causal_mask` for all layers where it is a number
    let window = try LayerTypes.window(file, default: nil)
    configuration.setWindows(configuration.attention.map { _ in window })
    return configuration
  }

  public func members(of configuration: DecoderConfiguration) -> [String: JSONValue] {
    var members = LlamaKeys.members(of: configuration, architecture: "Phi3ForCausalLM")
    let layer = configuration.attention.first ?? LayerAttention()
    members["sliding_window"] = layer.window.map { .integer($0) } ?? .null
    let context = configuration.contextLength
    members["original_max_position_embeddings"] = .integer(layer.rotary?.scaling.longRopeContext ?? context)
    // the three members that transformers 4 accepts, where these say all
    if case .longRope(let short, let long, let length, let amplitude) = layer.rotary?.scaling,
      amplitude == RotaryScaling.amplitude(contextLength: context, originalContextLength: length)
    {
      members["rope_scaling"] = .object([
        "type": .string("longrope"), "short_factor": .array(short.map { .number($0) }),
        "long_factor": .array(long.map { .number($0) }),
      ])
    }
    return members
  }

  public func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation {
    let (queries, groups) = (
      configuration.headCount * configuration.headSize, configuration.keyValueHeadCount * configuration.headSize
    )
    let neurons = configuration.feedForwardSize
    guard case .layer(let layer, .matrix(let matrix)) = role else { return TensorLocation(LlamaNames.name(of: role)) }
    func part(_ name: String, from start: Int, count: Int) -> TensorLocation {
      TensorLocation("model.layers.\(layer).\(name).weight", rows: start..<start + count)
    }
    return switch matrix {
    case .query: part("self_attn.qkv_proj", from: 0, count: queries)
    case .key: part("self_attn.qkv_proj", from: queries, count: groups)
    case .value: part("self_attn.qkv_proj", from: queries + groups, count: groups)
    case .gate: part("mlp.gate_up_proj", from: 0, count: neurons)
    case .up: part("mlp.gate_up_proj", from: neurons, count: neurons)
    case .output, .down: TensorLocation(LlamaNames.name(of: role))
    }
  }
}
