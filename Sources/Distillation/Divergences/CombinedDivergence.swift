import TensorCore

/// Σ w·D: a weighted sum of divergences, which is a divergence.
///
/// ```swift
/// let both = CombinedDivergence([(0.7, .forwardKL), (0.3, .totalVariation)])
/// ```
public struct CombinedDivergence: Divergence {
  /// The summands; one with a weight of 0 is not computed.
  public let terms: [(weight: Float, divergence: any Divergence)]

  /// - Parameter terms: divergences and their weights, 0 or more; the weights need not sum to 1.
  public init(_ terms: [(weight: Float, divergence: any Divergence)]) {
    for term in terms {
      precondition(
        term.weight >= 0 && term.weight.isFinite, "a divergence's weight must be 0 or more, not \(term.weight)")
    }
    self.terms = terms.filter { $0.weight > 0 }
  }

  /// As `Divergence.value`. Of several summands all but the first take a row of memory in turn.
  public func value(
    teacher logP: Span<Float>, student logQ: Span<Float>, gradient: inout MutableSpan<Float>
  ) -> Double {
    guard let first = terms.first else {
      gradient.update(repeating: 0)
      return 0
    }
    var total = Double(first.weight) * first.divergence.value(teacher: logP, student: logQ, gradient: &gradient)
    RowKernels.scale(&gradient, by: first.weight)
    guard terms.count > 1 else { return total }
    var other = [Float](repeating: 0, count: gradient.count)
    for term in terms.dropFirst() {
      var part = other.mutableSpan
      total += Double(term.weight) * term.divergence.value(teacher: logP, student: logQ, gradient: &part)
      RowKernels.accumulate(&gradient, adding: part.span, times: term.weight)
    }
    return total
  }
}
