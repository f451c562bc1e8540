/// How far the student's distribution q of one token is from the teacher's p, over the vocabulary [V].
///
/// Conform a type of your own to distil with it:
///
/// ```swift
/// struct SquaredHellinger: Divergence {
///   // 1 − Σ √(p·q), whose derivative by log q is −½ √(p·q)
///   func value(teacher logP: Span<Float>, student logQ: Span<Float>, gradient: inout MutableSpan<Float>) -> Double {
///     var overlap = 0.0
///     for i in logP.indices {
///       let root = exp((logP[i] + logQ[i]) / 2)
///       overlap += Double(root)
///       gradient[i] = -root / 2
///     }
///     return 1 - overlap
///   }
/// }
/// let objective = DistillationObjective(SquaredHellinger(), temperature: 2)
/// ```
///
/// Both rows are log-probabilities at the objective's temperature: they sum to one, and −∞ is legal on either side.
/// The objective applies the chain rule through the softmax, the temperature and the weights.
public protocol Divergence: Sendable {
  /// The value in nats, with ∂value/∂log q written into `gradient`, each log q[i] taken as a variable of its own. A
  /// multiple of q may be added to it: the chain rule through the softmax takes it out again.
  ///
  /// Several threads call it at once, each for another token.
  func value(
    teacher logP: Span<Float>, student logQ: Span<Float>, gradient: inout MutableSpan<Float>
  ) -> Double

  /// The same divergence straight from logits, where there is such a form, which is faster; by default there is none.
  var fused: (any FusedDivergence)? { get }

  /// The same divergence from some tokens of each of the teacher's distributions, where these are enough; by default
  /// they are not.
  var sparse: (any SparseDivergence)? { get }
}

extension Divergence {
  /// None.
  public var fused: (any FusedDivergence)? { nil }

  /// None.
  public var sparse: (any SparseDivergence)? { nil }
}
