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
  /// Whether p and q are largest at the same token, the first of several.
  let hasSameTop: Bool
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
    hasSameTop = RowKernels.argmax(student.span) == RowKernels.argmax(teacher.span)
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

/// The scores of all tokens of a text, in the order of the text.
struct PairedSamples {
  private(set) var teacherNats: [Double]
  private(set) var studentNats: [Double]
  private(set) var divergences: [Double]
  private(set) var probabilityDifferences: [Double]
  /// 1 where both sides have the same most probable token, 0 elsewhere.
  private(set) var sameTops: [Double]
  private(set) var overlaps: [Double]

  init(count: Int) {
    let zeros = [Double](repeating: 0, count: count)
    (teacherNats, studentNats, divergences) = (zeros, zeros, zeros)
    (probabilityDifferences, sameTops, overlaps) = (zeros, zeros, zeros)
  }

  mutating func set(_ score: PairedScore, at position: Int) {
    teacherNats[position] = score.teacherNats
    studentNats[position] = score.studentNats
    divergences[position] = score.divergence
    probabilityDifferences[position] = score.probabilityDifference
    sameTops[position] = score.hasSameTop ? 1 : 0
    overlaps[position] = score.overlap
  }
}
