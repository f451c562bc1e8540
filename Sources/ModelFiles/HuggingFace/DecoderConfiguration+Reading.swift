import Diagnostics
import DurableFiles
public import LanguageModels

extension DecoderConfiguration {
  /// Sizes above this are surely damage: no model has them, and their products would overflow.
  private static let sizeLimit = 1 << 31
  /// Each layer has a dozen tensors of its own, and each position a row in the table of rotations: numbers above these
  /// would only run for hours, or out of memory.
  private static let (layerLimit, contextLimit) = (1 << 13, 1 << 22)
  /// The largest model taken for real: 1 TB of float32 weights.
  private static let weightLimit = 1_000_000_000_000 / 4

  /// Reads the members of a config.json and checks them. The five sizes must be there; the other defaults are those of
  /// transformers' `LlamaConfig` (configuration_llama.py, transformers 5.23), cited one by one below. Throws
  /// `value`.
  public init(_ file: HuggingFaceConfiguration) throws(ModelFileError) {
    guard try file.string("model_type") == "llama" else { throw file.invalid("model_type", expected: "\"llama\"") }
    // `hidden_act: str = "silu"`
    guard try file.string("hidden_act") ?? "silu" == "silu" else {
      throw file.invalid("hidden_act", expected: "\"silu\"")
    }
    if try file.object("quantization_config") != nil {
      throw file.invalid("quantization_config", expected: "unquantized weights")
    }
    let headCount = try Self.size("num_attention_heads", file)
    let hiddenSize = try Self.size("hidden_size", file)
    // validate_architecture() demands this even where head_dim is given.
    guard hiddenSize.isMultiple(of: headCount) else {
      throw file.invalid("num_attention_heads", expected: "a divisor of hidden_size \(hiddenSize)")
    }
    let sizes = 1...Self.sizeLimit
    self.init(
      vocabularySize: try Self.size("vocab_size", file),
      hiddenSize: hiddenSize,
      feedForwardSize: try Self.size("intermediate_size", file),
      layerCount: try Self.size("num_hidden_layers", file),
      headCount: headCount,
      // `if self.num_key_value_heads is None: self.num_key_value_heads = self.num_attention_heads`
      keyValueHeadCount: try file.integer("num_key_value_heads", in: sizes) ?? headCount,
      // `if self.head_dim is None: self.head_dim = self.hidden_size // self.num_attention_heads`
      headSize: try file.integer("head_dim", in: sizes) ?? hiddenSize / headCount,
      // `max_position_embeddings: int = 2048`
      contextLength: try file.integer("max_position_embeddings", in: sizes) ?? 2048,
      // `rms_norm_eps: float = 1e-6`
      normEpsilon: Float(
        try file.number("rms_norm_eps", expected: "a number above 0 and below 1") { $0 > 0 && $0 < 1 } ?? 1e-6),
      ropeTheta: try Self.ropeTheta(file),
      // `tie_word_embeddings: bool = False`
      tiesEmbeddings: try file.bool("tie_word_embeddings") ?? false,
      // `attention_bias: bool = False`
      attentionBias: try file.bool("attention_bias") ?? false,
      // `mlp_bias: bool = False`
      feedForwardBias: try file.bool("mlp_bias") ?? false,
      // `initializer_range: float = interval(min=0.0, max=1.0)(default=0.02)`
      initializerRange: Float(
        try file.number("initializer_range", expected: "a number from 0 to 1") { (0...1).contains($0) } ?? 0.02),
      // `bos_token_id: int | None = 1`, so an explicit null means that there is none.
      bosTokenID: file.contains("bos_token_id") ? try file.integer("bos_token_id", in: 0...Self.sizeLimit) : 1,
      // `eos_token_id: int | list[int] | None = 2`, null as above.
      eosTokenIDs: file.contains("eos_token_id")
        ? try file.integers("eos_token_id", in: 0...Self.sizeLimit) ?? [] : [2],
      // `pad_token_id: int | None = None`
      padTokenID: try file.integer("pad_token_id", in: 0...Self.sizeLimit))
    try validate(file: file.file)
  }

  private static func size(_ key: String, _ file: HuggingFaceConfiguration) throws(ModelFileError) -> Int {
    guard let size = try file.integer(key, in: 1...sizeLimit) else {
      throw file.invalid(key, expected: "an integer from 1 to \(sizeLimit)")
    }
    return size
  }

  /// The base of the rotary embeddings, wherever it stands. As `convert_rope_params_to_dict` in modeling_rope_utils.py
  /// (transformers 5.23): a non-empty `rope_scaling` stands in for `rope_parameters`, a `rope_theta` in there comes
  /// before the one beside it, and `RotaryEmbeddingConfigMixin.default_theta` is 10,000.
  private static func ropeTheta(_ file: HuggingFaceConfiguration) throws(ModelFileError) -> Double {
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
      _ = try source.number(name, expected: "1, for Llama turns whole heads") { $0 == 1 }
    }
    let isBase = { (theta: Double) in theta > 0 }
    let theta = try parameters.number("\(key).rope_theta", expected: "a number above 0", where: isBase)
    if let theta { return theta }
    return try file.number("rope_theta", expected: "a number above 0", where: isBase) ?? 10_000
  }

  /// Checks what must hold between the values. `file` is the name that errors use. Throws `value`, with
  /// config.json's name for what is wrong.
  public func validate(file: String) throws(ModelFileError) {
    func require(_ holds: Bool, _ key: String, _ expected: String, _ found: some Any) throws(ModelFileError) {
      guard holds else {
        throw .value(InvalidValue(file, key, expected: expected, found: "\(found)"))
      }
    }
    let sizes = [
      ("vocab_size", vocabularySize), ("hidden_size", hiddenSize), ("intermediate_size", feedForwardSize),
      ("num_hidden_layers", layerCount), ("num_attention_heads", headCount),
      ("num_key_value_heads", keyValueHeadCount), ("head_dim", headSize), ("max_position_embeddings", contextLength),
    ]
    let limits = ["num_hidden_layers": Self.layerLimit, "max_position_embeddings": Self.contextLimit]
    for (key, size) in sizes {
      let limit = limits[key] ?? Self.sizeLimit
      try require((1...limit).contains(size), key, "an integer from 1 to \(limit)", size)
    }
    try require(
      hiddenSize.isMultiple(of: headCount), "num_attention_heads", "a divisor of hidden_size \(hiddenSize)", headCount)
    try require(
      headCount.isMultiple(of: keyValueHeadCount), "num_key_value_heads",
      "a divisor of num_attention_heads \(headCount)", keyValueHeadCount)
    try require(
      headSize.isMultiple(of: 2), "head_dim",
      "an even number (by default hidden_size / num_attention_heads), for rotary embeddings turn pairs", headSize)
    try require(normEpsilon > 0 && normEpsilon < 1, "rms_norm_eps", "a number above 0 and below 1", normEpsilon)
    try require(ropeTheta > 0 && ropeTheta.isFinite, "rope_theta", "a number above 0", ropeTheta)
    try require((0...1).contains(initializerRange), "initializer_range", "a number from 0 to 1", initializerRange)
    let ids = [("bos_token_id", bosTokenID), ("pad_token_id", padTokenID)] + eosTokenIDs.map { ("eos_token_id", $0) }
    for (key, id) in ids {
      guard let id else { continue }
      try require((0..<vocabularySize).contains(id), key, "an id below vocab_size \(vocabularySize)", id)
    }
    try require(
      (weightCount ?? .max) <= Self.weightLimit, "the sizes together", "at most 1 TB of float32 weights",
      weightCount.map { "\($0) weights" } ?? "more weights than can be counted")
  }

  /// Checks that every one of a tokenizer's `pieceCount` ids has its row in the embedding. (More rows are fine: many
  /// models pad their vocabulary.) `file` is the name that errors use. Throws `value` for `vocab_size`.
  public func requireVocabulary(for pieceCount: Int, file: String) throws(ModelFileError) {
    guard vocabularySize >= pieceCount else {
      throw .value(
        InvalidValue(
          file, "vocab_size", expected: "at least \(pieceCount), the tokenizer's number of pieces",
          found: "\(vocabularySize)"))
    }
  }

  /// The number of weights of the matrices and norms, tied ones once, biases left out; `nil` where it overflows.
  public var weightCount: Int? {
    var total = 0
    for (factors, times) in [
      ([vocabularySize, hiddenSize], tiesEmbeddings ? 1 : 2),
      ([layerCount, hiddenSize, headSize, headCount], 2),
      ([layerCount, hiddenSize, headSize, keyValueHeadCount], 2),
      ([layerCount, hiddenSize, feedForwardSize], 3),
      ([layerCount, hiddenSize], 2),
    ] {
      var product = times
      for factor in factors {
        let (next, overflows) = product.multipliedReportingOverflow(by: factor)
        if overflows { return nil }
        product = next
      }
      let (next, overflows) = total.addingReportingOverflow(product)
      if overflows { return nil }
      total = next
    }
    return total
  }
}
