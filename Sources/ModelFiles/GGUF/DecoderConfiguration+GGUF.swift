import Diagnostics
public import LanguageModels

extension DecoderConfiguration {
  /// Checks that what was read back of a written file computes the same. Throws `value` with the first difference, by
  /// the family's own key.
  func requireSame(as written: DecoderConfiguration, in architecture: any GGUFArchitecture) throws(ModelFileError) {
    let expected = inTheWords(of: written)
    guard expected != written else { return }
    func refusal(_ key: String, _ value: Any, _ other: Any) -> ModelFileError {
      .value(
        InvalidValue(
          "the model", architecture.keys[key] ?? key,
          expected: "\(other), which is all that a GGUF file of \(architecture.nameInGGUF) can say",
          found: "\(value)"))
    }
    for layer in attention.indices where written.attention.indices.contains(layer) {
      let (own, other) = (expected.attention[layer], written.attention[layer])
      guard own.window == other.window else {
        func name(_ window: Int?) -> String { window.map { "a window of \($0)" } ?? "no window" }
        throw .value(
          InvalidValue(
            "the model", "sliding_window",
            expected: "\(name(other.window)) in layer \(layer), which is all that a GGUF file of "
              + "\(architecture.nameInGGUF) can say", found: name(own.window),
            advice: own.window.map { "with max_position_embeddings of at most \($0) there is no difference" }))
      }
      guard own.rotary == other.rotary else {
        func name(_ rotary: RotaryPositions?) -> String {
          rotary.map { "base \($0.base), scaling \($0.scaling)" } ?? "no rotation"
        }
        throw refusal("rotary.base", "\(name(own.rotary)) in layer \(layer)", name(other.rotary))
      }
    }
    let values = zip(Mirror(reflecting: expected).children, Mirror(reflecting: written).children)
    for (own, other) in values where "\(own.value)" != "\(other.value)" {
      throw refusal(own.label ?? "", own.value, other.value)
    }
    throw refusal("the configuration", expected, written)
  }

  /// The same configuration as another one says it, where both compute the same: a file does not say how fresh weights
  /// are drawn, the family where several share an architecture, windows that reach across the context, and has float32
  /// factors of frequencies in place of the numbers from which they were made.
  private func inTheWords(of other: DecoderConfiguration) -> DecoderConfiguration {
    var own = self
    (own.family, own.initializerRange) = (other.family, other.initializerRange)
    if own.scoreScale == other.scoreScale { own.attentionScale = other.attentionScale }
    if own.embeddingScale.value(hiddenSize: hiddenSize) == other.embeddingScale.value(hiddenSize: hiddenSize) {
      own.embeddingScale = other.embeddingScale
    }
    for layer in own.attention.indices where other.attention.indices.contains(layer) {
      let (mine, others) = (own.attention[layer], other.attention[layer])
      func isNone(_ window: Int?) -> Bool { window ?? contextLength >= contextLength }
      if isNone(mine.window), isNone(others.window) { own.attention[layer].window = others.window }
      if let rotary = mine.rotary, let found = others.rotary,
        rotary.turnsLike(found, headSize: headSize, contextLength: contextLength)
      {
        own.attention[layer].rotary = found
      }
    }
    return own
  }
}

extension DecoderConfiguration {
  /// In what llama.cpp computes such a model otherwise, whatever its file says: one sentence each.
  public var warningsInGGUF: [String] {
    var warnings: [String] = []
    if family == Phi3().family, let window = attention.first?.window, window < contextLength {
      warnings.append(
        "llama.cpp leaves out the window of \(window) tokens of this family (ggml-org/llama.cpp#13676): longer texts "
          + "are computed otherwise")
    }
    if eosTokenIDs.isEmpty {
      warnings.append("the model names no token that ends a text, and llama.cpp takes one by its number")
    }
    return warnings
  }
}

extension RotaryPositions {
  /// Whether other positions turn by the same angles, to float32's digits, in sequences of up to the context.
  func turnsLike(_ other: RotaryPositions, headSize: Int, contextLength: Int) -> Bool {
    func isNear(_ first: Double, _ second: Double) -> Bool { abs(first - second) <= 1e-6 * abs(first) }
    func amplitude(_ scaling: RotaryScaling) -> Double {
      if case .longRope(_, _, _, let amplitude) = scaling { amplitude } else { 1 }
    }
    return isNear(amplitude(scaling), amplitude(other.scaling))
      && [1, contextLength].allSatisfy { length in
        let own = frequencies(headSize: headSize, length: length)
        let others = other.frequencies(headSize: headSize, length: length)
        return own.count == others.count && zip(own, others).allSatisfy(isNear)
      }
  }
}
