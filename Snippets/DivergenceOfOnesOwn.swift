// A divergence of one's own: one type, then it works wherever a built-in one does.
import Distillation
import Foundation

/// The squared Hellinger distance 1 − Σ √(p·q).
struct SquaredHellinger: Divergence {
  func value(
    teacher logP: Span<Float>, student logQ: Span<Float>, gradient: inout MutableSpan<Float>
  ) -> Double {
    var overlap = 0.0
    for i in logP.indices {
      let root = exp((logP[i] + logQ[i]) / 2)
      overlap += Double(root)
      gradient[i] = -root / 2  // ∂/∂log q of −√(p·q)
    }
    return 1 - overlap
  }
}

let objective = DistillationObjective(SquaredHellinger())
print(objective.divergence)
