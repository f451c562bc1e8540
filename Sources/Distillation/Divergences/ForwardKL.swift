import Foundation
import TensorCore

/// Forward Kullback–Leibler divergence Σ p (log p − log q) (Hinton et al. 2015): the student covers the teacher's mass.
public struct ForwardKL: Divergence, Equatable {
  /// The divergence.
  public init() {}

  /// As `Divergence.value`.
  public func value(
    teacher logP: Span<Float>, student logQ: Span<Float>, gradient: inout MutableSpan<Float>
  ) -> Double { RowKernels.forwardKL(teacher: logP, student: logQ, gradient: &gradient) }

  /// Itself.
  public var fused: (any FusedDivergence)? { self }

  /// Itself.
  public var sparse: (any SparseDivergence)? { self }
}

extension Divergence where Self == ForwardKL {
  /// Σ p (log p − log q)
  public static var forwardKL: ForwardKL { ForwardKL() }
}

/// Less than half the time that rows of log-probabilities take.
extension ForwardKL: FusedDivergence {
  /// As `FusedDivergence.values`.
  public func values(
    label: Int, teacher: inout MutableSpan<Float>, student: inout MutableSpan<Float>,
    scratch: inout MutableSpan<Float>, temperature: Float, gradient weights: LogitsGradientWeights?
  ) -> TokenDivergence {
    let pair = RowKernels.softmaxPair(
      teacher: &teacher, exponentials: &scratch, student: student.span, temperature: temperature)
    // with e the exponentials at τ: Σ p (log p − log q) = Σ e_p·(exponent of p − of q)/Σe_p + log Σe_q − log Σe_p
    let distance = pair.cross / pair.teacher + log(pair.student / pair.teacher)
    let crossEntropy = log(pair.hard) - Double(student[label] - pair.studentMaximum)
    if let weights {
      // d D/d logit = (q − p)/τ, and times τ² it is τ·(q − p); d CE/d logit = q₁ − [label]
      let soft = Double(weights.divergence * temperature)
      let hard = Double(weights.crossEntropy)
      RowKernels.softmaxPairGradient(
        student: &student, teacher: teacher.span, exponentials: scratch.span, pair: pair,
        studentScale: Float(soft / pair.student), teacherScale: Float(soft / pair.teacher),
        hardScale: Float(hard / pair.hard), temperature: temperature)
      student[label] -= weights.crossEntropy
    }
    return TokenDivergence(divergence: distance, crossEntropy: crossEntropy)
  }
}

/// A few terms of the sum Σ p log q, the student's whole softmax, and where the mass r of all other tokens is known
/// r·(log r − log of the student's).
extension ForwardKL: SparseDivergence {
  /// As `SparseDivergence.values`. With drawn tokens, value and gradient are unbiased estimates of those from the whole
  /// distribution.
  public func values(
    label: Int, teacher: SparseDistribution, student: inout MutableSpan<Float>, scratch: inout MutableSpan<Float>,
    temperature: Float, gradient weights: LogitsGradientWeights?
  ) -> TokenDivergence {
    let tau = Double(temperature)
    let maximum = RowKernels.maximum(student.span)
    let labelLogit = Double(student[label] - maximum)
    // The known tokens are taken out of the row and treated by themselves: the others' mass is then a sum, not what
    // is left of 1, and p − q of a known token is taken in double.
    var known: [Double] = []
    known.reserveCapacity(teacher.ids.count)
    for id in teacher.ids {
      known.append(Double(student[Int(id)] - maximum))
      student[Int(id)] = -.infinity
    }
    let others = RowKernels.studentSoftmax(
      exponentials: &scratch, student: student.span, maximum: maximum, temperature: temperature)
    let soft = known.reduce(others.soft) { $0 + exp($1 / tau) }
    let hard = known.reduce(others.hard) { $0 + exp($1) }

    // D = Σ p (log p − log q), log q = logit/τ − log Σ; the other tokens together are one more term
    var distance = teacher.negativeEntropy
    for (logit, probability) in zip(known, teacher.probabilities) where probability > 0 {
      distance -= probability * (logit / tau - log(soft))
    }
    let otherMass = max(others.soft / soft, .leastNormalMagnitude)
    if teacher.rest > 0 { distance -= teacher.rest * log(otherMass) }
    let crossEntropy = log(hard) - labelLogit
    if let weights {
      let softScale = Double(weights.divergence) * tau
      let hardScale = Double(weights.crossEntropy)
      // d D/d logit = q − p of a known token; of another one q·(1 − r / their mass)
      RowKernels.studentSoftmaxGradient(
        student: &student, exponentials: scratch.span,
        softScale: Float(softScale / soft * (1 - teacher.rest / otherMass)), hardScale: Float(hardScale / hard),
        maximum: maximum, temperature: temperature)
      for (place, id) in teacher.ids.enumerated() {
        let softPart = softScale * (exp(known[place] / tau) / soft - teacher.probabilities[place])
        student[Int(id)] = Float(softPart + hardScale * exp(known[place]) / hard)
      }
      student[label] -= weights.crossEntropy
    }
    return TokenDivergence(divergence: distance, crossEntropy: crossEntropy)
  }
}
