import CKernels

extension RowKernels {
  /// Sums over a row of exponentials of logits, each less its row's maximum.
  public struct SoftmaxPairSums: Sendable {
    /// Of the student's, at temperature τ.
    public let student: Double
    /// Of the teacher's, at temperature τ.
    public let teacher: Double
    /// Of the student's, at temperature 1.
    public let hard: Double
    /// Of the teacher's exponential times (the teacher's exponent − the student's).
    public let cross: Double
  }

  /// Replaces the teacher's logits [V] by exp((x − teacherMaximum)/τ), and writes the student's
  /// exp((x − studentMaximum)/τ) to `exponentials`; all that forward KL and cross-entropy need in one pass.
  public static func softmaxPair(
    teacher: inout MutableSpan<Float>, exponentials: inout MutableSpan<Float>, student: Span<Float>,
    teacherMaximum: Float, studentMaximum: Float, temperature: Float
  ) -> SoftmaxPairSums {
    let count = student.count
    precondition(teacher.count == count && exponentials.count == count, "rows of \(teacher.count), \(count) differ")
    let sums = teacher.withUnsafeMutableBufferPointer { teacher in
      exponentials.withUnsafeMutableBufferPointer { exponentials in
        student.withUnsafeBufferPointer { student in
          guard let p = teacher.baseAddress, let e = exponentials.baseAddress, let q = student.baseAddress else {
            return limbeck_softmax_sums()
          }
          return limbeck_softmax_pair(p, e, q, teacherMaximum, studentMaximum, temperature, count)
        }
      }
    }
    return SoftmaxPairSums(student: sums.student, teacher: sums.teacher, hard: sums.hard, cross: sums.cross)
  }

  /// student ← studentScale·exponentials − teacherScale·teacher + hardScale·exp(student − maximum), with `teacher` and
  /// `exponentials` as `softmaxPair` left them: the gradient of forward KL and cross-entropy on the logits.
  public static func softmaxPairGradient(
    student: inout MutableSpan<Float>, teacher: Span<Float>, exponentials: Span<Float>, studentScale: Float,
    teacherScale: Float, hardScale: Float, maximum: Float, temperature: Float
  ) {
    let count = student.count
    precondition(teacher.count == count && exponentials.count == count, "rows of \(teacher.count), \(count) differ")
    student.withUnsafeMutableBufferPointer { student in
      teacher.withUnsafeBufferPointer { teacher in
        exponentials.withUnsafeBufferPointer { exponentials in
          guard let q = student.baseAddress, let p = teacher.baseAddress, let e = exponentials.baseAddress else {
            return
          }
          limbeck_softmax_pair_gradient(q, p, e, studentScale, teacherScale, hardScale, maximum, temperature, count)
        }
      }
    }
  }
}
