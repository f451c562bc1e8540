/// What came of speculative decoding; of several sequences, add those of each.
public struct SpeculationStatistics: Sendable, Equatable, Codable {
  /// The tokens that were generated.
  public internal(set) var tokens = 0
  /// The passes of the model, the one over the prompt left out; one over several sequences counts for each.
  public internal(set) var passes = 0
  /// The drafted tokens that were put to the test: those behind a rejected one are not.
  public internal(set) var testedTokens = 0
  /// Those of them that were accepted.
  public internal(set) var acceptedTokens = 0
  /// Σ min(p, q) over the tested positions.
  public internal(set) var overlapSum = 0.0

  /// Nothing yet.
  public init() {}

  /// The share of the tested tokens that was accepted; `nil` without any.
  public var acceptance: Double? { testedTokens > 0 ? Double(acceptedTokens) / Double(testedTokens) : nil }

  /// The share that was to be expected: the mean of Σ min(p, q) over the same positions, p and q as they were sampled
  /// from; `nil` without any.
  public var predictedAcceptance: Double? { testedTokens > 0 ? overlapSum / Double(testedTokens) : nil }

  /// Tokens for each pass of the model; 1 without a draft. `nil` without any pass.
  public var tokensPerPass: Double? { passes > 0 ? Double(tokens) / Double(passes) : nil }

  /// Adds what came of other sequences.
  public static func += (left: inout Self, right: Self) {
    left.tokens += right.tokens
    left.passes += right.passes
    left.testedTokens += right.testedTokens
    left.acceptedTokens += right.acceptedTokens
    left.overlapSum += right.overlapSum
  }
}
