import Foundation
import TensorCore

extension DistillationObjective {
  /// Whether a divergence is the forward KL, perhaps under another name.
  static func isForwardKL(_ divergence: some Divergence) -> Bool {
    switch divergence {
    case is ForwardKL: true
    case let divergence as JensenShannon: divergence.beta == 0
    case let divergence as SkewForwardKL: divergence.lambda == 0
    default: false
    }
  }

  /// As `evaluate`, for forward KL straight from logits, without rows of log-probabilities: less than half the time.
  func evaluateForwardKL(
    label: Int, student: inout MutableSpan<Float>, teacher: inout MutableSpan<Float>,
    scratch: inout MutableSpan<Float>, scale: Float?
  ) -> Terms {
    let pair = RowKernels.softmaxPair(
      teacher: &teacher, exponentials: &scratch, student: student.span, temperature: temperature)
    // with e the exponentials at τ: Σ p (log p − log q) = Σ e_p·(exponent of p − of q)/Σe_p + log Σe_q − log Σe_p
    let distance = pair.cross / pair.teacher + log(pair.student / pair.teacher)
    let crossEntropy = log(pair.hard) - Double(student[label] - pair.studentMaximum)
    if let scale {
      // d D/d logit = (q − p)/τ, and times τ² it is τ·(q − p); d CE/d logit = q₁ − [label]
      let soft = Double(scale * softLabelWeight * temperature)
      let hard = Double(scale * hardLabelWeight)
      RowKernels.softmaxPairGradient(
        student: &student, teacher: teacher.span, exponentials: scratch.span, pair: pair,
        studentScale: Float(soft / pair.student), teacherScale: Float(soft / pair.teacher),
        hardScale: Float(hard / pair.hard), temperature: temperature)
      student[label] -= scale * hardLabelWeight
    }
    return terms(crossEntropy: crossEntropy, divergence: distance)
  }
}
