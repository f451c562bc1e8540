import Diagnostics
import GGUF
import LanguageModels

extension GGUFKeys {
  /// What the files of all families say, by keys without the architecture's name: what `configuration(from:…)` reads.
  static func metadata(of configuration: DecoderConfiguration) -> [String: GGUFWrittenValue] {
    var values: [String: GGUFWrittenValue] = [
      "vocab_size": .size(configuration.vocabularySize), "context_length": .size(configuration.contextLength),
      "embedding_length": .size(configuration.hiddenSize), "block_count": .size(configuration.layerCount),
      "feed_forward_length": .size(configuration.feedForwardSize),
      "attention.head_count": .size(configuration.headCount),
      "attention.head_count_kv": .size(configuration.keyValueHeadCount),
      "attention.key_length": .size(configuration.headSize), "attention.value_length": .size(configuration.headSize),
      "attention.layer_norm_rms_epsilon": .float32(configuration.normEpsilon),
    ]
    let rotary = configuration.rotaryInGGUF
    values["rope.dimension_count"] = .size(rotary.rotatedSize(headSize: configuration.headSize))
    values["rope.freq_base"] = .float32(Float(rotary.base))
    switch rotary.scaling {
    // within the context, beyond which nothing is computed, the second one changes nothing
    case .none, .beyondTheContext: break
    case .linear(let factor):
      values["rope.scaling.type"] = .string("linear")
      values["rope.scaling.factor"] = .float32(Float(factor))
    // a tensor
    case .llama3: break
    case .longRope(_, _, let length, let amplitude):
      values["rope.scaling.type"] = .string("longrope")
      values["rope.scaling.original_context_length"] = .size(length)
      values["rope.scaling.attn_factor"] = .float32(Float(amplitude))
    }
    return values
  }

  /// The ids of a configuration. Throws `value` for more ids that end a text than a file can name.
  static func tokens(
    of configuration: DecoderConfiguration
  ) throws(ModelFileError) -> [(key: String, value: GGUFWrittenValue)] {
    let ends: [Token] = [.eos, .eot, .eom]
    let ids = configuration.eosTokenIDs
    guard ids.count <= ends.count else {
      throw .value(
        InvalidValue(
          "the model", "eos_token_id", expected: "at most \(ends.count) ids, which a GGUF file can name",
          found: ids.map(String.init).joined(separator: ", "),
          advice: "take the others out of config.json and generation_config.json"))
    }
    var named: [(token: Token, id: Int)] = zip(ends, ids).map { ($0, $1) }
    if let id = configuration.bosTokenID { named.append((.bos, id)) }
    if let id = configuration.padTokenID { named.append((.pad, id)) }
    return named.map { ($0.token.key, .size($0.id)) }
  }
}

extension DecoderConfiguration {
  /// The positions that a file's own keys are about: those of the layers without a window, where there are some.
  fileprivate var rotaryInGGUF: RotaryPositions {
    let whole = attention.first { $0.window == nil && $0.rotary != nil }
    return (whole ?? attention.first { $0.rotary != nil })?.rotary ?? RotaryPositions()
  }

  /// The factors of rotary embeddings, by the names of their tensors.
  var factorsInGGUF: [(name: String, values: [Float])] {
    let rotary = rotaryInGGUF
    switch rotary.scaling {
    case .none, .linear, .beyondTheContext: return []
    case .llama3:
      var plain = rotary
      plain.scaling = .none
      let scaled = rotary.frequencies(headSize: headSize)
      return [(GGUFNames.frequencyFactors, zip(plain.frequencies(headSize: headSize), scaled).map { Float($0 / $1) })]
    case .longRope(let short, let long, _, _):
      return [
        (GGUFNames.longFactors, long.map { Float($0) }), (GGUFNames.shortFactors, short.map { Float($0) }),
      ]
    }
  }
}

extension GGUFWrittenValue {
  /// A size, or an id: below 2^32 by the configuration's check.
  static func size(_ size: Int) -> GGUFWrittenValue { .uint32(UInt32(size)) }

  /// The divisor that is a scale, as the files of MiniCPM and Granite have it.
  static func inverse(of scale: Float) -> GGUFWrittenValue { .float32(Float(1 / Double(scale))) }
}
