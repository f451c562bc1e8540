/// What a weight is in its decoder, whatever a file calls it. Layers count from 0.
///
/// Whoever treats weights by what they are (the names in files, pruning, counting, decay) switches over it, so that the
/// compiler finds all of them when a case is added.
public enum WeightRole: Hashable, Sendable {
  /// The vectors of the token ids [V, C].
  case embedding
  /// The gain of the norm behind the last layer [C].
  case finalNorm
  /// The matrix that gives logits [V, C]; where it is tied to the embedding, there is none.
  case head
  /// A weight of a layer.
  case layer(Int, LayerWeight)
}

/// A weight of one layer.
public enum LayerWeight: Hashable, Sendable {
  /// A matrix [outputs, inputs].
  case matrix(LayerMatrix)
  /// What is added to a matrix's products [outputs].
  case bias(LayerMatrix)
  /// The gain of the norm before attention [C].
  case attentionNorm
  /// The gain of the norm before the feed-forward network [C].
  case feedForwardNorm
  /// The gain of the norm of each head's queries [D].
  case queryNorm
  /// The gain of the norm of each head's keys [D].
  case keyNorm
  /// The gain of the norm of what attention gives [C].
  case attentionPostNorm
  /// The gain of the norm of what the feed-forward network gives [C].
  case feedForwardPostNorm

  /// Whether it is the gain of a norm.
  public var isNorm: Bool {
    switch self {
    case .matrix, .bias: false
    case .attentionNorm, .feedForwardNorm, .queryNorm, .keyNorm, .attentionPostNorm, .feedForwardPostNorm: true
    }
  }
}

/// A matrix of one layer.
public enum LayerMatrix: String, CaseIterable, Sendable {
  /// The queries of attention [H·D, C].
  case query
  /// The keys of attention [K·D, C].
  case key
  /// The values of attention [K·D, C].
  case value
  /// What mixes the heads of attention [C, H·D].
  case output
  /// The gate of the feed-forward network [F, C].
  case gate
  /// What the gate is multiplied with [F, C].
  case up
  /// What leads back from the neurons of the feed-forward network [C, F].
  case down
}

extension WeightRole: CustomStringConvertible {
  /// A name for messages: `layers.0.query.bias`.
  public var description: String {
    switch self {
    case .embedding: "embedding"
    case .finalNorm: "finalNorm"
    case .head: "head"
    case .layer(let layer, .matrix(let matrix)): "layers.\(layer).\(matrix)"
    case .layer(let layer, .bias(let matrix)): "layers.\(layer).\(matrix).bias"
    case .layer(let layer, let norm): "layers.\(layer).\(norm)"
    }
  }

  /// Whether it is an embedding or a head, which counts of a model's size leave out.
  public var isOfVocabulary: Bool {
    switch self {
    case .embedding, .head: true
    case .finalNorm, .layer: false
    }
  }

  /// Whether weight decay applies: to all matrices but the embedding.
  var decays: Bool {
    switch self {
    case .head, .layer(_, .matrix): true
    case .embedding, .finalNorm, .layer: false
    }
  }
}
