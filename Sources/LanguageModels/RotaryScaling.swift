/// How the frequencies of rotary embeddings are lowered for contexts longer than those a model was first trained on.
public enum RotaryScaling: Equatable, Sendable, CustomStringConvertible {
  /// They stay as they are.
  case none
  /// All are divided by the factor (Chen et al. 2023, arXiv 2306.15595).
  case linear(factor: Double)
  /// As in Llama 3.1: those that turn less than `lowFrequencyFactor` times in the original context of so many tokens
  /// are divided by the factor, those that turn more than `highFrequencyFactor` times stay, and in between the two are
  /// mixed.
  case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContextLength: Int)

  /// The kind and its numbers, for errors.
  public var description: String {
    switch self {
    case .none: "none"
    case .linear(let factor): "linear with factor \(factor)"
    case .llama3(let factor, let low, let high, let contextLength):
      "llama3 with factor \(factor), low frequency factor \(low), high frequency factor \(high) and an original "
        + "context of \(contextLength)"
    }
  }

  /// A frequency in radians per token, lowered.
  func callAsFunction(_ frequency: Double) -> Double {
    switch self {
    case .none: return frequency
    case .linear(let factor): return frequency / factor
    case .llama3(let factor, let low, let high, let contextLength):
      let turns = Double(contextLength) * frequency / (2 * .pi)
      let share = min(1, max(0, (turns - low) / (high - low)))
      // at the ends one of the two alone, without rounding
      return share == 1 ? frequency : (1 - share) * frequency / factor + share * frequency
    }
  }

  /// What must hold of the numbers, where one does not hold.
  var flaw: String? {
    let factors: [Double]
    switch self {
    case .none: return nil
    case .linear(let factor): factors = [factor]
    case .llama3(let factor, let low, let high, let contextLength):
      guard low > 0, low < high, high.isFinite, contextLength > 0 else {
        return "0 < low frequency factor < high frequency factor, and an original context above 0"
      }
      factors = [factor]
    }
    return factors.allSatisfy { $0 >= 1 && $0.isFinite } ? nil : "a factor of at least 1"
  }
}
