import TensorCore

/// A token and the logarithm of its probability, in nats, in the model's own distribution: at temperature 1, with no
/// token left out by the way of sampling.
public struct TokenLogProbability: Sendable, Equatable {
  /// The token.
  public var id: Int32
  /// log p; −∞ where the model rules it out.
  public var logProbability: Float

  /// A token and log p.
  public init(id: Int32, logProbability: Float) {
    self.id = id
    self.logProbability = logProbability
  }
}

/// What is told of a token that was chosen, from the model's logits.
struct TokenReport {
  /// log p of the token.
  let logProbability: Float
  /// The most probable tokens, as many as were asked for, the most probable first.
  let alternatives: [TokenLogProbability]

  /// Tells of the token `id`, from logits [V] whose largest is finite.
  init(of id: Int32, alternatives count: Int, logits: Span<Float>) {
    let maximum = RowKernels.maximum(logits)
    let logSum = RowKernels.logSum(logits, maximum: maximum, temperature: 1)
    logProbability = logits[Int(id)] - maximum - logSum
    guard count > 0 else {
      alternatives = []
      return
    }
    var found: [TokenLogProbability] = []
    for id in RowKernels.largest(min(count, logits.count), of: logits) {
      found.append(TokenLogProbability(id: id, logProbability: logits[Int(id)] - maximum - logSum))
    }
    alternatives = found.sorted { ($0.logProbability, $1.id) > ($1.logProbability, $0.id) }
  }
}
