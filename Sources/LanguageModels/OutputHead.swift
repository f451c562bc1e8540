public import TensorCore

/// What makes logits of a decoder's final hidden states: all that is needed of a teacher whose states are known.
public struct OutputHead {
  /// The decoder's sizes and constants, of which the soft cap of the logits and the scale of the states matter here.
  public let configuration: DecoderConfiguration
  /// The output matrix [V, C]: the embedding where the two are tied.
  public let matrix: WeightMatrix
  /// What hidden states and matrix are rounded to before they are multiplied.
  public let precision: ProductPrecision

  /// A head, as the properties say.
  public init(_ matrix: WeightMatrix, of configuration: DecoderConfiguration, precision: ProductPrecision = .float32) {
    let shape = [configuration.vocabularySize, configuration.hiddenSize]
    precondition(matrix.shape == shape, "a head of \(matrix.shape), where \(shape) is expected")
    (self.matrix, self.configuration, self.precision) = (matrix, configuration, precision)
  }

  /// Hidden states [N, C], as `DecoderModel.hiddenStates` gives them, on their way to logits, a block of tokens at a
  /// time.
  public func projection(of hidden: Tensor) -> VocabularyProjection {
    VocabularyProjection(hidden: hidden, head: matrix, cap: configuration.logitCap, precision: precision)
  }

  /// The output of the final norm [N, C] of such hidden states, without the `logitScale`: what states of several models
  /// are compared by.
  public func normalizedStates(_ hidden: Tensor) -> Tensor { hidden.scaled(by: 1 / configuration.logitScale) }
}

extension DecoderModel {
  /// What makes logits of the hidden states.
  public var outputHead: OutputHead { OutputHead(head, of: configuration, precision: precision) }
}
