/// What embeddings are multiplied by where they enter the first layer.
public enum EmbeddingScale: Equatable, Sendable {
  /// A number: 1 in Llama.
  case factor(Float)
  /// √C, whatever C is, as in Gemma.
  case rootOfHiddenSize

  /// The number, for C = `hiddenSize`.
  public func value(hiddenSize: Int) -> Float {
    switch self {
    case .factor(let factor): factor
    case .rootOfHiddenSize: Float(Double(hiddenSize).squareRoot())
    }
  }
}

extension DecoderConfiguration {
  /// What embeddings are multiplied by.
  var embeddingFactor: Float { embeddingScale.value(hiddenSize: hiddenSize) }
}
