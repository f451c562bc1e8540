import TensorCore

/// Reverse Kullback–Leibler divergence Σ q (log q − log p) (MiniLLM, Gu et al. 2023): the student seeks the modes.
public struct ReverseKL: Divergence, Equatable {
  /// The divergence.
  public init() {}

  /// As `Divergence.value`.
  public func value(
    teacher logP: Span<Float>, student logQ: Span<Float>, gradient: inout MutableSpan<Float>
  ) -> Double { RowKernels.reverseKL(teacher: logP, student: logQ, gradient: &gradient) }
}

/// a · forward KL + (1 − a) · reverse KL; a weights the forward side, as in torchtune.
public struct SymmetricKL: Divergence, Equatable {
  /// a, in 0...1.
  public let forwardWeight: Float

  /// - Parameter forwardWeight: a, in 0...1.
  public init(forwardWeight: Float = 0.5) {
    precondition((0...1).contains(forwardWeight), "the forward weight must lie in 0...1, not \(forwardWeight)")
    self.forwardWeight = forwardWeight
  }

  /// As `Divergence.value`.
  public func value(
    teacher logP: Span<Float>, student logQ: Span<Float>, gradient: inout MutableSpan<Float>
  ) -> Double {
    RowKernels.symmetricKL(forwardWeight: forwardWeight, teacher: logP, student: logQ, gradient: &gradient)
  }
}

/// Generalised Jensen–Shannon divergence β·KL(p‖M) + (1 − β)·KL(q‖M), M = βp + (1 − β)q (GKD, Agarwal et al. 2023).
///
/// As in TRL, β = 0 is the forward and β = 1 the reverse KL, which are not the limits of the formula.
public struct JensenShannon: Divergence, Equatable {
  /// β, in 0...1.
  public let beta: Float

  /// - Parameter beta: β, in 0...1.
  public init(beta: Float = 0.5) {
    precondition((0...1).contains(beta), "β must lie in 0...1, not \(beta)")
    self.beta = beta
  }

  /// As `Divergence.value`.
  public func value(
    teacher logP: Span<Float>, student logQ: Span<Float>, gradient: inout MutableSpan<Float>
  ) -> Double {
    if let end { return end.value(teacher: logP, student: logQ, gradient: &gradient) }
    return RowKernels.jensenShannon(beta: beta, teacher: logP, student: logQ, gradient: &gradient)
  }

  /// That of the forward KL, where it is that.
  public var fused: (any FusedDivergence)? { end?.fused }

  /// That of the forward KL, where it is that.
  public var sparse: (any SparseDivergence)? { end?.sparse }

  /// What it is at the ends of β.
  private var end: (any Divergence)? {
    switch beta {
    case 0: .forwardKL
    case 1: .reverseKL
    default: nil
    }
  }
}

/// Skew forward KL: KL(p ‖ αp + (1 − α)q) (DistiLLM, Ko et al. 2024).
public struct SkewForwardKL: Divergence, Equatable {
  /// α, in 0..<1; 0 is the forward KL.
  public let alpha: Float

  /// - Parameter alpha: α, in 0..<1; DistiLLM uses 0.1.
  public init(alpha: Float = 0.1) {
    precondition(alpha >= 0 && alpha < 1, "α must lie in 0..<1, not \(alpha)")
    self.alpha = alpha
  }

  /// As `Divergence.value`.
  public func value(
    teacher logP: Span<Float>, student logQ: Span<Float>, gradient: inout MutableSpan<Float>
  ) -> Double {
    if let unskewed { return unskewed.value(teacher: logP, student: logQ, gradient: &gradient) }
    return RowKernels.skewForwardKL(lambda: alpha, teacher: logP, student: logQ, gradient: &gradient)
  }

  /// That of the forward KL, where it is that.
  public var fused: (any FusedDivergence)? { unskewed?.fused }

  /// That of the forward KL, where it is that.
  public var sparse: (any SparseDivergence)? { unskewed?.sparse }

  /// What it is without a skew.
  private var unskewed: ForwardKL? { alpha == 0 ? .forwardKL : nil }
}

/// Skew reverse KL: KL(q ‖ (1 − α)p + αq) (DistiLLM, Ko et al. 2024).
public struct SkewReverseKL: Divergence, Equatable {
  /// α, in 0..<1; 0 is the reverse KL.
  public let alpha: Float

  /// - Parameter alpha: α, in 0..<1; DistiLLM uses 0.1.
  public init(alpha: Float = 0.1) {
    precondition(alpha >= 0 && alpha < 1, "α must lie in 0..<1, not \(alpha)")
    self.alpha = alpha
  }

  /// As `Divergence.value`.
  public func value(
    teacher logP: Span<Float>, student logQ: Span<Float>, gradient: inout MutableSpan<Float>
  ) -> Double {
    alpha == 0
      ? RowKernels.reverseKL(teacher: logP, student: logQ, gradient: &gradient)
      : RowKernels.skewReverseKL(lambda: alpha, teacher: logP, student: logQ, gradient: &gradient)
  }
}

/// Total variation ½ Σ |p − q|; 1 minus it is the acceptance rate of speculative sampling (Leviathan et al. 2023).
public struct TotalVariation: Divergence, Equatable {
  /// The divergence.
  public init() {}

  /// As `Divergence.value`.
  public func value(
    teacher logP: Span<Float>, student logQ: Span<Float>, gradient: inout MutableSpan<Float>
  ) -> Double { RowKernels.totalVariation(teacher: logP, student: logQ, gradient: &gradient) }
}

extension Divergence where Self == ReverseKL {
  /// Σ q (log q − log p)
  public static var reverseKL: ReverseKL { ReverseKL() }
}

extension Divergence where Self == SymmetricKL {
  /// a · forward KL + (1 − a) · reverse KL
  public static func symmetricKL(forwardWeight: Float = 0.5) -> SymmetricKL {
    SymmetricKL(forwardWeight: forwardWeight)
  }
}

extension Divergence where Self == JensenShannon {
  /// β·KL(p‖M) + (1 − β)·KL(q‖M), M = βp + (1 − β)q
  public static func jensenShannon(beta: Float = 0.5) -> JensenShannon { JensenShannon(beta: beta) }
}

extension Divergence where Self == SkewForwardKL {
  /// KL(p ‖ αp + (1 − α)q)
  public static func skewForwardKL(alpha: Float = 0.1) -> SkewForwardKL { SkewForwardKL(alpha: alpha) }
}

extension Divergence where Self == SkewReverseKL {
  /// KL(q ‖ (1 − α)p + αq)
  public static func skewReverseKL(alpha: Float = 0.1) -> SkewReverseKL { SkewReverseKL(alpha: alpha) }
}

extension Divergence where Self == TotalVariation {
  /// ½ Σ |p − q|
  public static var totalVariation: TotalVariation { TotalVariation() }
}
