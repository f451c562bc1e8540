import CKernels
import Foundation

/// The kernels of one row of the vocabulary [V], on spans: what objectives, statistics and samplers are written with.
///
/// The divergences take log-probabilities of teacher (log p) and student (log q), both [V], at one temperature, where
/// −∞ is legal; they return nats, and write their derivative by log q up to a multiple of q, which the chain rule
/// through the softmax, g − q·Σg, takes out again. Rows of different lengths stop the program.
public enum RowKernels {
  /// The largest element; NaN if any is NaN, −∞ for an empty row.
  public static func maximum(_ row: Span<Float>) -> Float {
    row.withUnsafeBufferPointer { $0.baseAddress.map { limbeck_max($0, row.count) } ?? -.infinity }
  }

  /// The index of the first largest element.
  public static func argmax(_ row: Span<Float>) -> Int {
    row.withUnsafeBufferPointer { $0.baseAddress.map { limbeck_argmax($0, row.count) } ?? 0 }
  }

  /// Σ x, in double over chunks.
  public static func sum(_ row: Span<Float>) -> Double {
    row.withUnsafeBufferPointer { $0.baseAddress.map { limbeck_sum($0, row.count) } ?? 0 }
  }

  /// log Σ exp((x − maximum)/temperature): what is left of a log-sum-exp once the maximum is taken out.
  public static func logSum(_ row: Span<Float>, maximum: Float, temperature: Float) -> Float {
    row.withUnsafeBufferPointer { buffer in
      buffer.baseAddress.map { Float(log(limbeck_sum_exp($0, maximum, 1 / temperature, row.count))) } ?? -.infinity
    }
  }

  /// x ← (x − maximum)/temperature − logSum: logits become log-probabilities.
  public static func logSoftmax(_ row: inout MutableSpan<Float>, maximum: Float, temperature: Float, logSum: Float) {
    let count = row.count
    row.withUnsafeMutableBufferPointer { buffer in
      if let base = buffer.baseAddress { limbeck_log_softmax(base, maximum, 1 / temperature, logSum, count) }
    }
  }

  /// Logits become log-probabilities at temperature 1.
  public static func logSoftmax(_ row: inout MutableSpan<Float>) {
    let maximum = maximum(row.span)
    logSoftmax(
      &row, maximum: maximum, temperature: 1, logSum: logSum(row.span, maximum: maximum, temperature: 1))
  }

  /// x ← exp x
  public static func exponentiate(_ row: inout MutableSpan<Float>) {
    let count = row.count
    row.withUnsafeMutableBufferPointer { buffer in
      if let base = buffer.baseAddress { limbeck_exp(base, count) }
    }
  }

  /// x ← exp(x − maximum); returns the sum.
  public static func exponentiate(_ row: inout MutableSpan<Float>, maximum: Float) -> Double {
    let count = row.count
    return row.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.map { limbeck_exponentials($0, maximum, 1, count) } ?? 0
    }
  }

  /// copy ← x
  public static func copy(_ row: Span<Float>, into copy: inout MutableSpan<Float>) {
    precondition(row.count == copy.count, "a row of \(row.count) into one of \(copy.count)")
    copy.withUnsafeMutableBufferPointer { copy in
      row.withUnsafeBufferPointer { row in _ = copy.update(fromContentsOf: row) }
    }
  }

  /// p ← max(0, p − q); returns the sum.
  public static func subtractClipped(_ p: inout MutableSpan<Float>, _ q: Span<Float>) -> Double {
    let count = p.count
    precondition(q.count == count, "rows of \(count) and \(q.count)")
    return p.withUnsafeMutableBufferPointer { p in
      q.withUnsafeBufferPointer { q in
        guard let p = p.baseAddress, let q = q.baseAddress else { return 0 }
        return limbeck_subtract_clipped(p, q, count)
      }
    }
  }

  /// x ← factor · x
  public static func scale(_ row: inout MutableSpan<Float>, by factor: Float) {
    let count = row.count
    row.withUnsafeMutableBufferPointer { buffer in
      if let base = buffer.baseAddress { limbeck_scale(base, factor, count) }
    }
  }

  /// Σ p (log p − log q) of log-probabilities [V]; writes ∂/∂log q + c·q.
  public static func forwardKL(
    teacher: Span<Float>, student: Span<Float>, gradient: inout MutableSpan<Float>
  ) -> Double {
    apply(teacher, student, &gradient) { limbeck_forward_kl($0, $1, $2, $3) }
  }

  /// Σ q (log q − log p) of log-probabilities [V]; writes ∂/∂log q + c·q.
  public static func reverseKL(
    teacher: Span<Float>, student: Span<Float>, gradient: inout MutableSpan<Float>
  ) -> Double {
    apply(teacher, student, &gradient) { limbeck_reverse_kl($0, $1, $2, $3) }
  }

  /// a·Σ p (log p − log q) + (1 − a)·Σ q (log q − log p); writes ∂/∂log q + c·q.
  public static func symmetricKL(
    forwardWeight: Float, teacher: Span<Float>, student: Span<Float>, gradient: inout MutableSpan<Float>
  ) -> Double {
    apply(teacher, student, &gradient) { limbeck_symmetric_kl($0, $1, $2, forwardWeight, $3) }
  }

  /// β·KL(p‖M) + (1 − β)·KL(q‖M), M = βp + (1 − β)q, 0 < β < 1; writes ∂/∂log q + c·q.
  public static func jensenShannon(
    beta: Float, teacher: Span<Float>, student: Span<Float>, gradient: inout MutableSpan<Float>
  ) -> Double {
    apply(teacher, student, &gradient) { limbeck_jensen_shannon($0, $1, $2, beta, $3) }
  }

  /// KL(p ‖ λp + (1 − λ)q); writes ∂/∂log q + c·q.
  public static func skewForwardKL(
    lambda: Float, teacher: Span<Float>, student: Span<Float>, gradient: inout MutableSpan<Float>
  ) -> Double {
    apply(teacher, student, &gradient) { limbeck_skew_forward_kl($0, $1, $2, lambda, $3) }
  }

  /// KL(q ‖ (1 − λ)p + λq); writes ∂/∂log q + c·q.
  public static func skewReverseKL(
    lambda: Float, teacher: Span<Float>, student: Span<Float>, gradient: inout MutableSpan<Float>
  ) -> Double {
    apply(teacher, student, &gradient) { limbeck_skew_reverse_kl($0, $1, $2, lambda, $3) }
  }

  /// ½ Σ |p − q|; writes ∂/∂log q + c·q.
  public static func totalVariation(
    teacher: Span<Float>, student: Span<Float>, gradient: inout MutableSpan<Float>
  ) -> Double {
    apply(teacher, student, &gradient) { limbeck_total_variation($0, $1, $2, $3) }
  }

  /// Overwrites the student's log-probabilities at `temperature` with the gradient on its logits:
  /// softScale·(g − q·Σg) + hardScale·q₁, where g = ∂value/∂log q and q₁ = exp(τ·log q + hardShift), the student's
  /// distribution at temperature 1.
  public static func logitsGradient(
    student: inout MutableSpan<Float>, gradient: Span<Float>, gradientSum: Float, softScale: Float, hardScale: Float,
    temperature: Float, hardShift: Float
  ) {
    let count = student.count
    precondition(gradient.count == count, "a gradient of \(gradient.count) for \(count) logits")
    student.withUnsafeMutableBufferPointer { student in
      gradient.withUnsafeBufferPointer { gradient in
        guard let q = student.baseAddress, let g = gradient.baseAddress else { return }
        limbeck_logits_gradient(q, g, gradientSum, softScale, hardScale, temperature, hardShift, count)
      }
    }
  }

  private static func apply(
    _ teacher: Span<Float>, _ student: Span<Float>, _ gradient: inout MutableSpan<Float>,
    _ kernel: (UnsafeMutablePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>, Int) -> Double
  ) -> Double {
    let count = student.count
    precondition(teacher.count == count && gradient.count == count, "rows of \(teacher.count), \(count) differ")
    return gradient.withUnsafeMutableBufferPointer { gradient in
      teacher.withUnsafeBufferPointer { teacher in
        student.withUnsafeBufferPointer { student in
          guard let g = gradient.baseAddress, let p = teacher.baseAddress, let q = student.baseAddress else { return 0 }
          return kernel(g, p, q, count)
        }
      }
    }
  }
}
