/// A divergence that can be taken straight from logits, together with the cross-entropy, without rows of
/// log-probabilities in between.
public protocol FusedDivergence: Sendable {
  /// Divergence and cross-entropy of one token from logits [V]; the teacher's row and the scratch row, of unspecified
  /// contents, are overwritten.
  ///
  /// Several threads call it at once, each for another token.
  /// - Parameters:
  ///   - label: the token that followed in the text.
  ///   - teacher: the teacher's logits.
  ///   - student: the student's, which give way to the weighted gradient where `weights` are given.
  ///   - scratch: a row [V].
  ///   - temperature: τ, what divides the logits of both in the divergence.
  ///   - weights: of the gradient; nil where none is wanted.
  /// - Returns: both values in nats, not weighted.
  func values(
    label: Int, teacher: inout MutableSpan<Float>, student: inout MutableSpan<Float>,
    scratch: inout MutableSpan<Float>, temperature: Float, gradient weights: LogitsGradientWeights?
  ) -> TokenDivergence
}

/// A divergence from a teacher of whose distributions only some tokens are known.
public protocol SparseDivergence: Sendable {
  /// As `FusedDivergence.values`, with the known tokens in place of the teacher's logits.
  func values(
    label: Int, teacher: SparseDistribution, student: inout MutableSpan<Float>, scratch: inout MutableSpan<Float>,
    temperature: Float, gradient weights: LogitsGradientWeights?
  ) -> TokenDivergence
}

/// What the gradients by a row of logits are multiplied by.
public struct LogitsGradientWeights: Sendable, Equatable {
  /// The weight of τ² · divergence.
  public var divergence: Float
  /// The weight of the cross-entropy.
  public var crossEntropy: Float

  /// The weights, as the properties say.
  public init(divergence: Float, crossEntropy: Float) {
    self.divergence = divergence
    self.crossEntropy = crossEntropy
  }
}

/// What is found at one token, in nats.
public struct TokenDivergence: Sendable, Equatable {
  /// The divergence at temperature τ, not multiplied by τ².
  public var divergence: Double
  /// −log q₁(label), at temperature 1.
  public var crossEntropy: Double

  /// The values, as the properties say.
  public init(divergence: Double, crossEntropy: Double) {
    self.divergence = divergence
    self.crossEntropy = crossEntropy
  }
}
