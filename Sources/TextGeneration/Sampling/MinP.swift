import Diagnostics

/// Leaves only the tokens whose probability is at least a share of the greatest (Nguyen et al. 2024).
public struct MinP: LogitsProcessor {
  /// The share; 0 keeps all tokens.
  public let share: Double

  /// Throws `value` unless the share is from 0 to 1.
  public init(_ share: Double) throws(GenerationError) {
    guard share >= 0 && share <= 1 else {
      throw .value(InvalidValue("min-p", expected: "a number from 0 to 1", found: "\(share)"))
    }
    self.share = share
  }

  public var usesHistory: Bool { false }

  /// A share of the greatest probability is a share of the greatest weight, which is 1.
  public func processWeights(_ weights: inout MutableSpan<Float>, history: TokenHistory) {
    guard share > 0 else { return }
    for id in 0..<weights.count where Double(weights[id]) < share { weights[id] = 0 }
  }
}
