/// What attention does with the products of queries and keys, and which of them there are.
///
/// A token at position t attends to those at max(0, t − W + 1)...t, with the weights softmax(s′), where s = scale · q·k
/// and s′ = s, or c·tanh(s/c) with a cap c.
public struct AttentionRule: Equatable, Sendable {
  /// D: the size of a head.
  public var headSize: Int
  /// What products of queries and keys are multiplied by, above 0.
  public var scale: Float
  /// c: the soft cap of the scaled products, above 0 (Gemma 2, Gemma Team 2024); nil for none.
  public var cap: Float?
  /// W: how many tokens a token attends to, at least 1: itself and the W − 1 before it; nil for all before it.
  public var window: Int?

  /// A rule with the scale 1/√D (Vaswani et al. 2017) unless another is given, without a cap and without a window.
  public init(headSize: Int, scale: Float? = nil, cap: Float? = nil, window: Int? = nil) {
    self.headSize = headSize
    self.scale = scale ?? 1 / Float(headSize).squareRoot()
    self.cap = cap
    self.window = window
  }

  /// What scores are multiplied by when they become weights: a cap has scaled them already.
  var weightScale: Float { cap == nil ? scale : 1 }

  /// Of `count` tokens before a token, how many it attends to.
  func seen(before count: Int) -> Int { min(count, (window ?? .max) - 1) }

  /// Stops at a rule that is none.
  func check() {
    precondition(
      headSize >= 1 && scale > 0 && scale.isFinite && (cap ?? 1) > 0 && (window ?? 1) >= 1, "attention by \(self)")
  }
}
