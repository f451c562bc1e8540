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
}

extension DecoderConfiguration {
  /// What all Gemmas are: their files do not say it.
  mutating func makeGemma() {
    normOffset = 1
    embeddingScale = .rootOfHiddenSize
    activation = .geluTanh
  }
}
