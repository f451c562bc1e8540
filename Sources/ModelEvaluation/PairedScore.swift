import Foundation
import TensorCore

/// What teacher and student say of one token.
struct PairedScore {
  /// −ln p of the true token.
  let teacherNats: Double
  /// −ln q of the true token.
  let studentNats: Double
  /// Σ p (ln p − ln q).
  let divergence: Double
  /// q − p of the true token.
  let probabilityDifference: Double
  /// Where p and q are largest: the first of several tokens.
  let teacherTop, studentTop: Int32
  /// Σ min(p, q).
  let overlap: Double

  /// From logits [V] of both sides, which are overwritten.
  init(
    of target: Int32, student: inout MutableSpan<Float>, teacher: inout MutableSpan<Float>,
    scratch: inout MutableSpan<Float>
  ) {
    teacherNats = negativeLogProbability(of: target, teacher.span)
    studentNats = negativeLogProbability(of: target, student.span)
    probabilityDifference = exp(-studentNats) - exp(-teacherNats)
    teacherTop = Int32(RowKernels.argmax(teacher.span))
    studentTop = Int32(RowKernels.argmax(student.span))
    Self.normalize(&teacher)
    Self.normalize(&student)
    divergence = RowKernels.forwardKL(teacher: teacher.span, student: student.span, gradient: &scratch)
    overlap = 1 - RowKernels.totalVariation(teacher: teacher.span, student: student.span, gradient: &scratch)
  }

  private static func normalize(_ logits: inout MutableSpan<Float>) {
    let largest = RowKernels.maximum(logits.span)
    let logSum = RowKernels.logSum(logits.span, maximum: largest, temperature: 1)
    RowKernels.logSoftmax(&logits, maximum: largest, temperature: 1, logSum: logSum)
  }
}
