import GGUF
import LanguageModels
import TensorCore

extension GemmaKeys {
  /// What a file's values have on top of the weights: its norms have the gains themselves (`norm_shift` in
  /// conversion/gemma.py of llama.cpp).
  static func offsetInGGUF(of role: WeightRole) -> Float {
    switch role {
    case .finalNorm: 1
    case .layer(_, let weight): weight.isNorm ? 1 : 0
    case .embedding, .head: 0
    }
  }

  /// The scale of scores in Gemma 2 and 3: 1/√D, and in their largest models 1/√(C/H).
  static func attentionScale(of configuration: DecoderConfiguration, ofHeads: Bool) -> Float {
    let size = ofHeads ? configuration.headSize : configuration.hiddenSize / configuration.headCount
    return Float(1 / Double(size).squareRoot())
  }

  /// The metadata for the windows of Gemma 2 and 3: which layers have one, where it is not all but the last of each
  /// `period`, and the base of their positions.
  static func windowsInGGUF(of configuration: DecoderConfiguration, period: Int) -> [String: GGUFWrittenValue] {
    let slides = configuration.attention.map { $0.window != nil }
    guard let sliding = configuration.attention.first(where: { $0.window != nil }), let window = sliding.window else {
      return [:]
    }
    var values: [String: GGUFWrittenValue] = ["attention.sliding_window": .size(window)]
    values["rope.freq_base_swa"] = sliding.rotary.map { .float32(Float($0.base)) }
    if slides != slides.indices.map({ $0 % period < period - 1 }) {
      values["attention.sliding_window_pattern"] = .bools(slides)
    }
    return values
  }
}

extension DecoderConfiguration {
  /// What all Gemmas are: their files do not say it.
  mutating func makeGemma() {
    normOffset = 1
    embeddingScale = .rootOfHiddenSize
    activation = .geluTanh
  }
}
