public import TensorCore

/// Chooses tokens: a list of processors, and then a draw from what they leave, or the most probable token.
public struct TokenSampler: Sendable {
  /// What changes logits and weights, in this order.
  public let processors: [any LogitsProcessor]
  /// Whether the most probable token is taken, the first of several, instead of a draw.
  public let isGreedy: Bool
  /// Whether the tokens so far matter to any processor.
  let usesHistory: Bool

  /// A sampler, as the properties say.
  public init(_ processors: [any LogitsProcessor] = [], isGreedy: Bool = false) {
    self.processors = processors
    self.isGreedy = isGreedy
    usesHistory = processors.contains { $0.usesHistory }
  }

  /// Whether `nextToken` changes no logit.
  var leavesLogits: Bool { isGreedy && processors.isEmpty }

  /// Chooses the next token.
  /// - Parameters:
  ///   - logits: the logits [V], of which −∞ are legal; overwritten.
  ///   - history: the tokens of the prompt and the continuation so far, each in 0..<V.
  ///   - generator: where the randomness comes from; untouched by a greedy choice.
  /// - Returns: the id of the token.
  /// - Throws: `logitsNotFinite` where the largest logit is NaN, ∞ or −∞.
  public func nextToken(
    _ logits: inout MutableSpan<Float>, history: TokenHistory, using generator: inout SeededGenerator
  ) throws(GenerationError) -> Int32 {
    if isGreedy {
      _ = try process(&logits, history)
      return Int32(RowKernels.argmax(logits.span))
    }
    let total = try weigh(&logits, history)
    return Self.draw(logits.span, total: total, using: &generator)
  }

  /// Turns logits into the probabilities that `nextToken` draws from.
  /// - Parameters:
  ///   - logits: the logits [V]; overwritten with probabilities, 0 for every token that is left out.
  ///   - history: the tokens of the prompt and the continuation so far, each in 0..<V.
  /// - Throws: `logitsNotFinite` where the largest logit is NaN, ∞ or −∞.
  public func probabilities(_ logits: inout MutableSpan<Float>, history: TokenHistory) throws(GenerationError) {
    if isGreedy {
      _ = try process(&logits, history)
      let best = RowKernels.argmax(logits.span)
      for id in 0..<logits.count { logits[id] = id == best ? 1 : 0 }
      return
    }
    let total = try weigh(&logits, history)
    for id in 0..<logits.count { logits[id] = Float(Double(logits[id]) / total) }
  }

  /// Draws an id with a probability in proportion to its weight; `total` is the sum of all weights [V].
  static func draw(_ weights: Span<Float>, total: Double, using generator: inout SeededGenerator) -> Int32 {
    let target = generator.nextUniform() * total
    var sum = 0.0
    var chosen = 0
    for id in 0..<weights.count where weights[id] > 0 {
      chosen = id
      sum += Double(weights[id])
      if sum > target { break }
    }
    return Int32(chosen)
  }

  /// Runs the stage of the logits and returns the largest one.
  private func process(_ logits: inout MutableSpan<Float>, _ history: TokenHistory) throws(GenerationError) -> Float {
    for processor in processors { processor.processLogits(&logits, history: history) }
    let largest = RowKernels.maximum(logits.span)
    guard largest.isFinite else { throw .logitsNotFinite(largest: largest) }
    return largest
  }

  /// Turns logits into weights in proportion to their probabilities, the largest 1, 0 for tokens that are left out.
  /// Returns the sum of the weights.
  private func weigh(_ logits: inout MutableSpan<Float>, _ history: TokenHistory) throws(GenerationError) -> Double {
    let largest = try process(&logits, history)
    RowKernels.logSoftmax(&logits, maximum: largest, temperature: 1, logSum: 0)
    RowKernels.exponentiate(&logits)
    for processor in processors { processor.processWeights(&logits, history: history) }
    return RowKernels.sum(logits.span)
  }
}
