import CKernels

extension RowKernels {
  /// Writes the student's exp((x − maximum)/τ) to `exponentials` [V], where −∞ gives 0, and returns their sum and that
  /// of exp(x − maximum).
  public static func studentSoftmax(
    exponentials: inout MutableSpan<Float>, student: Span<Float>, maximum: Float, temperature: Float
  ) -> (soft: Double, hard: Double) {
    let count = student.count
    precondition(exponentials.count == count, "rows of \(exponentials.count) and \(count) differ")
    return exponentials.withUnsafeMutableBufferPointer { exponentials in
      student.withUnsafeBufferPointer { student in
        guard let e = exponentials.baseAddress, let q = student.baseAddress else { return (0, 0) }
        let sums = limbeck_student_softmax(e, q, maximum, temperature, count)
        return (sums.soft, sums.hard)
      }
    }
  }

  /// student ← softScale·exponentials + hardScale·exp(student − maximum), with `exponentials` as `studentSoftmax` left
  /// them.
  public static func studentSoftmaxGradient(
    student: inout MutableSpan<Float>, exponentials: Span<Float>, softScale: Float, hardScale: Float, maximum: Float,
    temperature: Float
  ) {
    let count = student.count
    precondition(exponentials.count == count, "rows of \(exponentials.count) and \(count) differ")
    student.withUnsafeMutableBufferPointer { student in
      exponentials.withUnsafeBufferPointer { exponentials in
        guard let q = student.baseAddress, let e = exponentials.baseAddress else { return }
        limbeck_student_softmax_gradient(q, e, softScale, hardScale, maximum, temperature, count)
      }
    }
  }

  /// The indices of the k largest elements, ascending; of equal ones those with the smallest index.
  public static func largest(_ k: Int, of row: Span<Float>) -> [Int32] {
    precondition(k > 0 && k <= row.count, "the \(k) largest of \(row.count)")
    var indices = [Int32](repeating: 0, count: k)
    indices.withUnsafeMutableBufferPointer { indices in
      row.withUnsafeBufferPointer { row in
        guard let i = indices.baseAddress, let x = row.baseAddress else { return }
        limbeck_largest(i, x, row.count, k)
      }
    }
    return indices.sorted()
  }

  /// x ← exp((x − maximum)/temperature); returns the sum of these weights w, and Σ w·log w.
  public static func weigh(
    _ row: inout MutableSpan<Float>, maximum: Float, temperature: Float
  ) -> (sum: Double, cross: Double) {
    let count = row.count
    return row.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return (0, 0) }
      var cross = 0.0
      let sum = limbeck_exponentials_cross(base, maximum, 1 / temperature, &cross, count)
      return (sum, cross)
    }
  }

  /// Draws with replacement in proportion to `weights`, at least one of which is above 0: where the running sum first
  /// exceeds each of `uniforms` times the total. `uniforms` lie in 0..<1 and ascend, and so do the indices.
  public static func draw(_ uniforms: [Double], from weights: Span<Float>) -> [Int32] {
    var indices = [Int32](repeating: 0, count: uniforms.count)
    indices.withUnsafeMutableBufferPointer { indices in
      weights.withUnsafeBufferPointer { weights in
        uniforms.withUnsafeBufferPointer { uniforms in
          guard let i = indices.baseAddress, let w = weights.baseAddress, let u = uniforms.baseAddress else { return }
          limbeck_draw(i, w, u, uniforms.count, weights.count)
        }
      }
    }
    return indices
  }

  /// Log-probabilities in 16 bits each: −log p in steps of 2⁻¹¹ below 16 nats, with 12 significant bits above, and
  /// 65535 for −∞.
  public static func codes(ofLogProbabilities row: Span<Float>) -> [UInt16] {
    [UInt16](unsafeUninitializedCapacity: row.count) { codes, count in
      row.withUnsafeBufferPointer { row in
        guard let c = codes.baseAddress, let x = row.baseAddress else { return }
        limbeck_encode_log_probabilities(c, x, row.count)
      }
      count = row.count
    }
  }

  /// row ← scale × the log-probabilities that `codes` stand for.
  public static func decode(_ codes: Span<UInt16>, into row: inout MutableSpan<Float>, scale: Float = 1) {
    precondition(codes.count == row.count, "\(codes.count) codes for \(row.count) log-probabilities")
    row.withUnsafeMutableBufferPointer { row in
      codes.withUnsafeBufferPointer { codes in
        guard let x = row.baseAddress, let c = codes.baseAddress else { return }
        limbeck_decode_log_probabilities(x, c, scale, codes.count)
      }
    }
  }
}
