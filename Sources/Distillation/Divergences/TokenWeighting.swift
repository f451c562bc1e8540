import Foundation
import TensorCore

/// How much a token counts in the terms that compare the student with the teacher; the cross-entropy is not weighted.
///
/// The weight is a number in 0...1 made from the teacher's distribution p at the objective's temperature, and it is
/// taken as given: no gradient flows through it. The weighted sum is still divided by the number of counted tokens.
public enum TokenWeighting: String, Sendable, CaseIterable {
  /// 1 for every token.
  case uniform
  /// H(p) / log V: tokens whose continuation the teacher leaves open count most.
  case teacherEntropy = "teacher-entropy"
  /// max p: tokens of which the teacher is sure count most.
  case teacherConfidence = "teacher-confidence"

  /// The weight of a token from the teacher's log-probabilities [V].
  func weight(teacher logP: Span<Float>) -> Double {
    switch self {
    case .uniform: 1
    // of one possible token nothing is open
    case .teacherEntropy: logP.count > 1 ? RowKernels.entropy(logP) / log(Double(logP.count)) : 0
    case .teacherConfidence: exp(Double(RowKernels.maximum(logP)))
    }
  }
}
