import Foundation
import TensorCore

extension DistillationObjective {
  /// As `evaluate`, for forward KL from a teacher of which only some tokens are known: a few terms of the sum Σ p log q,
  /// the student's whole softmax, and where the mass r of all other tokens is known r·(log r − log of the student's).
  ///
  /// With drawn tokens, value and gradient are unbiased estimates of those from the whole distribution.
  func evaluate(
    label: Int, student: inout MutableSpan<Float>, teacher: SparseDistribution, scratch: inout MutableSpan<Float>,
    scale: Float?
  ) -> Terms {
    let temperature = Double(temperature)
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
      exponentials: &scratch, student: student.span, maximum: maximum, temperature: self.temperature)
    let soft = known.reduce(others.soft) { $0 + exp($1 / temperature) }
    let hard = known.reduce(others.hard) { $0 + exp($1) }

    // D = Σ p (log p − log q), log q = logit/τ − log Σ; the other tokens together are one more term
    var distance = teacher.negativeEntropy
    for (logit, probability) in zip(known, teacher.probabilities) where probability > 0 {
      distance -= probability * (logit / temperature - log(soft))
    }
    let otherMass = max(others.soft / soft, .leastNormalMagnitude)
    if teacher.rest > 0 { distance -= teacher.rest * log(otherMass) }
    let crossEntropy = log(hard) - labelLogit
    if let scale {
      let softScale = Double(scale * softLabelWeight) * temperature
      let hardScale = Double(scale * hardLabelWeight)
      // d D/d logit = q − p of a known token; of another one q·(1 − r / their mass)
      RowKernels.studentSoftmaxGradient(
        student: &student, exponentials: scratch.span,
        softScale: Float(softScale / soft * (1 - teacher.rest / otherMass)), hardScale: Float(hardScale / hard),
        maximum: maximum, temperature: self.temperature)
      for (place, id) in teacher.ids.enumerated() {
        let softPart = softScale * (exp(known[place] / temperature) / soft - teacher.probabilities[place])
        student[Int(id)] = Float(softPart + hardScale * exp(known[place]) / hard)
      }
      student[label] -= scale * hardLabelWeight
    }
    return terms(crossEntropy: crossEntropy, divergence: distance)
  }
}
