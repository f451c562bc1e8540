import CKernels
import Foundation

/// What objectives say of a teacher's row beside its divergence from the student's.
extension RowKernels {
  /// −Σ p log p of log-probabilities [V], in nats; a probability of 0 adds nothing.
  public static func entropy(_ logProbabilities: Span<Float>) -> Double {
    logProbabilities.withUnsafeBufferPointer { row in row.baseAddress.map { limbeck_entropy($0, row.count) } ?? 0 }
  }

  /// y ← y + factor · x
  public static func accumulate(_ y: inout MutableSpan<Float>, adding x: Span<Float>, times factor: Float) {
    let count = y.count
    precondition(x.count == count, "rows of \(count) and \(x.count) differ")
    y.withUnsafeMutableBufferPointer { y in
      x.withUnsafeBufferPointer { x in
        if let y = y.baseAddress, let x = x.baseAddress { limbeck_accumulate(y, x, factor, count) }
      }
    }
  }

  /// Replaces the teacher's log-probabilities [V] at temperature τ by the student's logits less the teacher's,
  /// τ·(log q − log p) + shift, and by 0 where either is −∞.
  /// - Parameters:
  ///   - teacher: the teacher's log-probabilities [V].
  ///   - student: the student's log-probabilities [V].
  ///   - temperature: τ
  ///   - shift: the difference of what was subtracted from the logits of both.
  /// - Returns: the mean square over the elements that are −∞ on neither side, and their number.
  public static func logitDifferences(
    teacher: inout MutableSpan<Float>, student: Span<Float>, temperature: Float, shift: Float
  ) -> (meanSquare: Double, count: Double) {
    let count = student.count
    precondition(teacher.count == count, "rows of \(teacher.count) and \(count) differ")
    let sums = teacher.withUnsafeMutableBufferPointer { teacher in
      student.withUnsafeBufferPointer { student in
        guard let p = teacher.baseAddress, let q = student.baseAddress else { return limbeck_difference() }
        return limbeck_logit_differences(p, q, temperature, shift, count)
      }
    }
    return (sums.count > 0 ? sums.squares / sums.count : 0, sums.count)
  }

  /// Leaves τ · log Σ w·softmax(z/τ) of rows of logits z in the first of them: logits whose softmax at temperature τ is
  /// the weighted mixture of the rows' distributions. The other rows are overwritten.
  /// - Parameters:
  ///   - rows: as many rows [V] as weights, one after another.
  ///   - weights: above 0, with the sum 1.
  ///   - temperature: τ
  static func mixSoftmax(_ rows: UnsafeMutableBufferPointer<Float>, weights: [Float], temperature: Float) {
    precondition(
      !weights.isEmpty && rows.count.isMultiple(of: weights.count), "\(rows.count) for \(weights.count) rows")
    let width = rows.count / weights.count
    guard let mixture = rows.baseAddress else { return }
    for (index, weight) in weights.enumerated() {
      let row = mixture + index * width
      let maximum = limbeck_max(row, width)
      let logSum = log(limbeck_sum_exp(row, maximum, 1 / temperature, width))
      limbeck_log_softmax(row, maximum, 1 / temperature, Float(logSum - log(Double(weight))), width)
      if index > 0 { limbeck_log_add(mixture, row, width) }
    }
    limbeck_scale(mixture, temperature, width)
  }
}
