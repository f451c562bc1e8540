import CKernels

extension RowKernels {
  /// What `softmaxPair` leaves beside the exponentials, for `softmaxPairGradient`.
  public struct SoftmaxPair: Sendable {
    fileprivate let sums: limbeck_softmax_sums
    /// The maxima of teacher and student up to the end of each chunk, relative to which its exponentials are taken.
    fileprivate let maxima: [Float]

    /// Σ exp((x − maximum)/τ) over the student's logits.
    public var student: Double { sums.student }
    /// Σ exp((x − maximum)/τ) over the teacher's logits.
    public var teacher: Double { sums.teacher }
    /// Σ exp(x − maximum) over the student's logits.
    public var hard: Double { sums.hard }
    /// Σ over the teacher's exponentials, each times (the teacher's exponent − the student's).
    public var cross: Double { sums.cross }
    /// The student's largest logit.
    public var studentMaximum: Float { sums.student_maximum }
  }

  /// Replaces the teacher's logits [V] by exponentials at temperature τ, and writes the student's to `exponentials`;
  /// all that forward KL and cross-entropy need, in one pass.
  public static func softmaxPair(
    teacher: inout MutableSpan<Float>, exponentials: inout MutableSpan<Float>, student: Span<Float>, temperature: Float
  ) -> SoftmaxPair {
    let count = student.count
    precondition(teacher.count == count && exponentials.count == count, "rows of \(teacher.count), \(count) differ")
    let chunk = Int(LIMBECK_ROW_CHUNK)
    var sums = limbeck_softmax_sums()
    let maximaCount = 2 * ((count + chunk - 1) / chunk)
    let maxima = [Float](unsafeUninitializedCapacity: maximaCount) { maxima, initializedCount in
      teacher.withUnsafeMutableBufferPointer { teacher in
        exponentials.withUnsafeMutableBufferPointer { exponentials in
          student.withUnsafeBufferPointer { student in
            guard let p = teacher.baseAddress, let e = exponentials.baseAddress, let q = student.baseAddress,
              let m = maxima.baseAddress
            else { return }
            sums = limbeck_softmax_pair(p, e, q, temperature, m, count)
            initializedCount = maximaCount
          }
        }
      }
    }
    return SoftmaxPair(sums: sums, maxima: maxima)
  }

  /// student ← studentScale·exp((x − maximum)/τ) − teacherScale·(the teacher's) + hardScale·exp(x − maximum): the
  /// gradient of forward KL and cross-entropy on the logits, from what `softmaxPair` left.
  public static func softmaxPairGradient(
    student: inout MutableSpan<Float>, teacher: Span<Float>, exponentials: Span<Float>, pair: SoftmaxPair,
    studentScale: Float, teacherScale: Float, hardScale: Float, temperature: Float
  ) {
    let count = student.count
    precondition(teacher.count == count && exponentials.count == count, "rows of \(teacher.count), \(count) differ")
    student.withUnsafeMutableBufferPointer { student in
      teacher.withUnsafeBufferPointer { teacher in
        exponentials.withUnsafeBufferPointer { exponentials in
          guard let q = student.baseAddress, let p = teacher.baseAddress, let e = exponentials.baseAddress else {
            return
          }
          withUnsafePointer(to: pair.sums) { sums in
            limbeck_softmax_pair_gradient(
              q, p, e, sums, studentScale, teacherScale, hardScale, temperature, pair.maxima, count)
          }
        }
      }
    }
  }
}
