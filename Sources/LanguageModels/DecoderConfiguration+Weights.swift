public import TensorCore

/// A weight that a configuration calls for.
public struct DeclaredWeight: Equatable, Sendable {
  /// What it is.
  public let role: WeightRole
  /// The size of each dimension; a matrix is `[outputs, inputs]`.
  public let shape: [Int]
  /// How it is drawn when nothing is loaded.
  public let initialization: Initialization
  /// Whether weight decay applies.
  public let decays: Bool
}

extension DecoderConfiguration {
  /// All weights, in the order in which they lie in memory and are drawn; nothing is allocated.
  public var weights: [DeclaredWeight] {
    let layers = (0..<layerCount).flatMap { layer in layerWeights.map { WeightRole.layer(layer, $0) } }
    return ([.embedding] + layers + [.finalNorm] + (tiesEmbeddings ? [] : [.head])).map { role in
      DeclaredWeight(
        role: role, shape: shape(of: role), initialization: initialization(of: role), decays: role.decays)
    }
  }

  /// The number of weights, tied ones once; nil where it overflows.
  public var weightCount: Int? {
    let layer = sum(layerWeights.map { size(of: .layer(0, $0)) })
    return sum([
      size(of: .embedding), product([layer, layerCount]), size(of: .finalNorm),
      tiesEmbeddings ? 0 : size(of: .head),
    ])
  }

  /// The weights of each layer, in order.
  private var layerWeights: [LayerWeight] {
    LayerMatrix.allCases.flatMap { matrix -> [LayerWeight] in
      biases.contains(matrix) ? [.matrix(matrix), .bias(matrix)] : [.matrix(matrix)]
    } + [.attentionNorm, .feedForwardNorm]
      + (normalizesQueriesAndKeys ? [.queryNorm, .keyNorm] : [])
      + (hasPostNorms ? [.attentionPostNorm, .feedForwardPostNorm] : [])
  }

  /// The shape of a weight.
  public func shape(of role: WeightRole) -> [Int] {
    switch role {
    case .embedding, .head: [vocabularySize, hiddenSize]
    case .finalNorm: [hiddenSize]
    case .layer(_, .queryNorm), .layer(_, .keyNorm): [headSize]
    case .layer(_, .attentionNorm), .layer(_, .feedForwardNorm), .layer(_, .attentionPostNorm),
      .layer(_, .feedForwardPostNorm):
      [hiddenSize]
    case .layer(_, .matrix(let matrix)): [outputs(of: matrix), inputs(of: matrix)]
    case .layer(_, .bias(let matrix)): [outputs(of: matrix)]
    }
  }

  private func outputs(of matrix: LayerMatrix) -> Int {
    switch matrix {
    case .query: headCount * headSize
    case .key, .value: keyValueHeadCount * headSize
    case .gate, .up: feedForwardSize
    case .output, .down: hiddenSize
    }
  }

  private func inputs(of matrix: LayerMatrix) -> Int {
    switch matrix {
    case .query, .key, .value, .gate, .up: hiddenSize
    case .output: headCount * headSize
    case .down: feedForwardSize
    }
  }

  private func initialization(of role: WeightRole) -> Initialization {
    switch role {
    case .embedding, .head: .normal(standardDeviation: initializerRange)
    case .layer(_, .bias): .zeros
    case .layer(_, .matrix(let matrix)):
      switch matrix {
      case .query, .key, .value, .gate, .up: .normal(standardDeviation: initializerRange)
      // what writes into the residual stream is divided by √(2L), as in GPT-2 (Radford et al. 2019), so that the
      // stream's variance does not grow with depth
      case .output, .down: .normal(standardDeviation: initializerRange / Float(2 * layerCount).squareRoot())
      }
    // a gain of 1
    case .finalNorm, .layer: .constant(1 - normOffset)
    }
  }

  private func size(of role: WeightRole) -> Int? { product(shape(of: role).map { $0 }) }

  private func product(_ factors: [Int?]) -> Int? {
    factors.reduce(1) { total, factor in
      guard let total, let factor else { return nil }
      let (product, overflows) = total.multipliedReportingOverflow(by: factor)
      return overflows ? nil : product
    }
  }

  private func sum(_ terms: [Int?]) -> Int? {
    terms.reduce(0) { total, term in
      guard let total, let term else { return nil }
      let (sum, overflows) = total.addingReportingOverflow(term)
      return overflows ? nil : sum
    }
  }
}
