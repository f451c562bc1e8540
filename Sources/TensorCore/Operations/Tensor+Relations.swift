import CKernels
import Foundation

/// One relation head of one sequence: how alike its T vectors are to each other, in student and teacher.
///
/// R = softmax(X·Xᵀ/√D) over the tokens up to each, X [T, D] a slice of the columns of queries, keys or values.
private struct RelationHead {
  /// D of the student, and how far its rows lie apart.
  let size, stride: Int
  /// Those of the teacher.
  let teacherSize, teacherStride: Int
  let backend: any MatrixBackend

  /// Scratch floats: the relations of both, and those of the products.
  func scratchCount(length: Int) -> Int { 2 * length * length + backend.scratchCount }

  /// Σ KL(R of the teacher ‖ R of the student) over the counted tokens; adds `scale` × its gradient.
  func divergence(
    _ student: UnsafePointer<Float>, _ teacher: UnsafePointer<Float>, length: Int, counted: UnsafePointer<Float>,
    scale: Double, gradient: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
  ) -> Double {
    let (relations, teacherRelations) = (scratch, scratch + length * length)
    let productScratch = teacherRelations + length * length
    products(into: relations, student, length, size, stride, productScratch)
    products(into: teacherRelations, teacher, length, teacherSize, teacherStride, productScratch)
    let root = 1 / Float(size).squareRoot()
    var total = 0.0
    for row in 0..<length {
      let (visible, line, teacherLine) = (row + 1, relations + row * length, teacherRelations + row * length)
      guard counted[row] > 0 else {
        line.update(repeating: 0, count: length)
        continue
      }
      logSoftmax(line, visible, scale: root)
      logSoftmax(teacherLine, visible, scale: 1 / Float(teacherSize).squareRoot())
      // leaves −p where log p was
      total += limbeck_forward_kl(teacherLine, teacherLine, line, visible)
      // by the scores, which were divided by √D, the gradient is (q − p)/√D
      limbeck_exp(line, visible)
      limbeck_accumulate(line, teacherLine, 1, visible)
      limbeck_scale(line, Float(scale) * root, visible)
      (line + visible).update(repeating: 0, count: length - visible)
    }
    // the scores were X·Xᵀ, so d X = (d S + d Sᵀ)·X
    let scores = MatrixView(relations, stride: length)
    for factor in [scores, scores.transposed] {
      backend.product(
        into: gradient, stride: stride, adds: true, factor, MatrixView(student, stride: stride), m: length, n: size,
        k: length, scratch: productScratch)
    }
    return total
  }

  private func products(
    into out: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, _ length: Int, _ size: Int, _ stride: Int,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    let rows = MatrixView(x, stride: stride)
    backend.product(
      into: out, stride: length, adds: false, rows, rows.transposed, m: length, n: length, k: size, scratch: scratch)
  }

  private func logSoftmax(_ line: UnsafeMutablePointer<Float>, _ count: Int, scale: Float) {
    let maximum = limbeck_max(line, count)
    let logSum = log(limbeck_sum_exp(line, maximum, scale, count))
    limbeck_log_softmax(line, maximum, scale, Float(logSum), count)
  }
}

extension Tensor {
  /// How far the relations between the tokens are from the teacher's (MiniLMv2, Wang et al. 2021): queries, keys or
  /// values of a layer are cut into A heads of equal size, whatever the heads of attention; each token's relation to
  /// those up to it is softmax(x·xᵀ/√D), and the sum of KL(teacher ‖ student) over counted tokens, divided by A, is
  /// returned with its gradient by this tensor for a `BackwardPass`.
  /// - Parameters:
  ///   - teacher: the teacher's [N, Wt]; no gradient flows there. This tensor is the student's, [N, W].
  ///   - heads: A; divides W and Wt.
  ///   - lengths: those of the sequences, one after another, which sum to N.
  ///   - chosen: the rows whose relations count.
  ///   - scale: what the gradient is multiplied by.
  /// - Returns: the sum, not multiplied by `scale`, and the gradient [N, W].
  public func relationDivergence(
    from teacher: Tensor, heads: Int, lengths: [Int], rows chosen: [Int32], scale: Double
  ) -> (sum: Double, gradient: Tensor) {
    precondition(
      heads > 0 && columns % heads == 0 && teacher.columns % heads == 0 && teacher.rows == rows
        && lengths.reduce(0, +) == rows,
      "relations of \(shape) and \(teacher.shape) in \(heads) heads, lengths \(lengths)")
    let head = RelationHead(
      size: columns / heads, stride: columns, teacherSize: teacher.columns / heads, teacherStride: teacher.columns,
      backend: device.backend)
    let starts = lengths.starts
    let gradient = Tensor.zeros(shape, on: device)
    let counted = Tensor.zeros([rows], on: device)
    for row in chosen { counted.pointer[Int(row)] = 1 }
    let scratch = WorkerScratch(head.scratchCount(length: lengths.max() ?? 0), on: device)
    var sums = [Double](repeating: 0, count: lengths.count * heads)
    sums.withUnsafeMutableBufferPointer { sums in
      // each task writes its own element, and its own columns of its own rows of the gradient
      nonisolated(unsafe) let sums = sums
      device.parallel(lengths.count * heads) { task, worker in
        let (sequence, index) = task.quotientAndRemainder(dividingBy: heads)
        let row = starts[sequence]
        let offset = row * head.stride + index * head.size
        sums[task] = head.divergence(
          pointer + offset, teacher.pointer + row * head.teacherStride + index * head.teacherSize,
          length: lengths[sequence], counted: counted.pointer + row, scale: scale / Double(heads),
          gradient: gradient.pointer + offset,
          scratch: scratch[worker])
      }
    }
    return (sums.reduce(0, +) / Double(heads), gradient)
  }
}
