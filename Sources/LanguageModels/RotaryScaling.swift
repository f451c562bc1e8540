import Foundation

/// How the frequencies of rotary embeddings are lowered for contexts longer than those a model was first trained on.
public enum RotaryScaling: Equatable, Sendable, CustomStringConvertible {
  /// They stay as they are.
  case none
  /// All are divided by the factor (Chen et al. 2023, arXiv 2306.15595).
  case linear(factor: Double)
  /// They stay as they are in the model's context, and are lowered by so much in sequences beyond it ("dynamic" in
  /// transformers), which are never computed here.
  case beyondTheContext(factor: Double)
  /// As in Llama 3.1: those that turn less than `lowFrequencyFactor` times in the original context of so many tokens
  /// are divided by the factor, those that turn more than `highFrequencyFactor` times stay, and in between the two are
  /// mixed.
  case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContextLength: Int)
  /// As in Phi-3 (LongRoPE, Ding et al. 2024, arXiv 2402.13753): each frequency is divided by a factor of its own, in
  /// sequences of at most the original context by the short one, in longer ones by the long one; and what is turned is
  /// multiplied by the amplitude, `amplitude(contextLength:originalContextLength:)` unless a file says otherwise.
  ///
  /// How long a sequence is that still grows, the tokens that are expected of it say (`KeyValueCache.expectedLength`).
  case longRope(shortFactors: [Double], longFactors: [Double], originalContextLength: Int, amplitude: Double)

  /// The kind and its numbers, for errors.
  public var description: String {
    switch self {
    case .none: "none"
    case .linear(let factor): "linear with factor \(factor)"
    case .beyondTheContext(let factor): "dynamic with factor \(factor)"
    case .llama3(let factor, let low, let high, let contextLength):
      "llama3 with factor \(factor), low frequency factor \(low), high frequency factor \(high) and an original "
        + "context of \(contextLength)"
    case .longRope(let short, let long, let contextLength, let amplitude):
      "longrope with short factors \(short), long factors \(long), an original context of \(contextLength) and an "
        + "amplitude of \(amplitude)"
    }
  }

  /// √(1 + ln s / ln O) for a context of s times the original one of O tokens, 1 where it is no longer. As
  /// `_compute_longrope_parameters` in modeling_rope_utils.py (transformers 5.24).
  public static func amplitude(contextLength: Int, originalContextLength: Int) -> Double {
    amplitude(
      scale: Double(contextLength) / Double(originalContextLength), originalContextLength: originalContextLength)
  }

  /// The same by s itself.
  public static func amplitude(scale: Double, originalContextLength: Int) -> Double {
    scale > 1 ? (1 + log(scale) / log(Double(originalContextLength))).squareRoot() : 1
  }

  /// What turned channels are multiplied by.
  var amplitude: Double {
    switch self {
    case .none, .linear, .beyondTheContext, .llama3: 1
    case .longRope(_, _, _, let amplitude): amplitude
    }
  }

  /// Sequences longer than this turn by other frequencies; nil where the length does not matter.
  var switchingLength: Int? {
    switch self {
    case .none, .linear, .beyondTheContext, .llama3: nil
    case .longRope(_, _, let contextLength, _): contextLength
    }
  }

  /// The frequency of a pair in radians per token, lowered, in a sequence of the given length.
  public func callAsFunction(_ frequency: Double, pair: Int, length: Int) -> Double {
    switch self {
    case .none, .beyondTheContext: return frequency
    case .linear(let factor): return frequency / factor
    case .llama3(let factor, let low, let high, let contextLength):
      let turns = Double(contextLength) * frequency / (2 * .pi)
      let share = min(1, max(0, (turns - low) / (high - low)))
      // at the ends one of the two alone, without rounding
      return share == 1 ? frequency : (1 - share) * frequency / factor + share * frequency
    case .longRope(let short, let long, let contextLength, _):
      let factors = length > contextLength ? long : short
      return factors.indices.contains(pair) ? frequency / factors[pair] : frequency
    }
  }

  /// What must hold of the numbers, where one does not hold, for heads of which `pairs` are turned.
  func flaw(pairs: Int) -> String? {
    let factors: [Double]
    switch self {
    case .none: return nil
    case .linear(let factor), .beyondTheContext(let factor): factors = [factor]
    case .llama3(let factor, let low, let high, let contextLength):
      guard low > 0, low < high, high.isFinite, contextLength > 0 else {
        return "0 < low frequency factor < high frequency factor, and an original context above 0"
      }
      factors = [factor]
    case .longRope(let short, let long, let contextLength, let amplitude):
      guard contextLength > 0, amplitude > 0, amplitude.isFinite else {
        return "an original context above 0, and an amplitude above 0"
      }
      return [short, long].allSatisfy { $0.count == pairs && $0.allSatisfy { $0 > 0 && $0.isFinite } }
        ? nil : "\(pairs) short factors and \(pairs) long ones, one for each pair of channels, all above 0"
    }
    return factors.allSatisfy { $0 >= 1 && $0.isFinite } ? nil : "a factor of at least 1"
  }
}
