import CKernels

/// Hidden states [N, C] and the head [V, C] that projects them onto the vocabulary, where the logits may have a soft
/// cap c: they are then c·tanh(z/c) of the products z.
public struct VocabularyProjection {
  /// The final hidden states [N, C].
  public let hidden: Tensor
  /// The output matrix [V, C].
  public let head: WeightMatrix
  /// The soft cap of the logits; nil for none.
  public let cap: Float?
  /// What hidden states, head and gradients are rounded to before they are multiplied.
  public let precision: ProductPrecision

  /// - Parameters:
  ///   - hidden: final hidden states [N, C].
  ///   - head: output matrix [V, C].
  ///   - cap: the soft cap of the logits, above 0; nil, the default, for none.
  ///   - precision: what they are rounded to before they are multiplied; float32 by default.
  public init(hidden: Tensor, head: WeightMatrix, cap: Float? = nil, precision: ProductPrecision = .float32) {
    precondition(cap.map { $0 > 0 } ?? true, "a soft cap of \(cap ?? 0)")
    precondition(
      head.shape.count == 2 && head.shape[1] == hidden.columns, "hidden \(hidden.shape) does not fit head \(head.shape)"
    )
    self.hidden = hidden
    self.head = head
    self.cap = cap
    self.precision = precision
  }

  /// V
  public var vocabularySize: Int { head.shape[0] }
}

/// The work of one token on its rows of logits: the student's [V], the teacher's [V] (empty without a teacher; with
/// unspecified contents where a row is only reserved for it), and a scratch row [V] with unspecified contents. All
/// three may be overwritten. It must not compute with tensors, for it runs on the very threads they would wait for.
public typealias LogitsRowBody<Result> = (
  _ index: Int, _ student: inout MutableSpan<Float>, _ teacher: inout MutableSpan<Float>,
  _ scratch: inout MutableSpan<Float>
) -> Result

extension VocabularyProjection {
  /// Computes the logits of the chosen rows, a block of tokens at a time, and hands each row to `body`.
  ///
  /// No buffer grows with N × V: at most `blockRows` rows of logits exist at once. Several workers call `body` at the
  /// same time, each for other rows; what it returns is collected in the order of `rows`.
  ///
  /// - Parameters:
  ///   - rows: the rows of `hidden` to work on, each at most once.
  ///   - teacher: one or more projections of the same rows over the same vocabulary.
  ///   - reservesTeacherRow: whether `body`, without such projections, gets a row to put a teacher's logits into.
  ///   - backward: where the gradients by the head [V, C] and by `hidden` [N, C] are added, zero in the rows that were
  ///     not chosen; `body` then leaves the gradient by the student's logits in place of them. nil where none is
  ///     wanted.
  ///   - body: the work on one row.
  /// - Returns: the result of each row.
  public func mapLogits<Result>(
    rows: [Int32], teacher: TeacherProjection? = nil, reservesTeacherRow: Bool = false, backward: BackwardPass? = nil,
    _ body: LogitsRowBody<Result>
  ) -> [Result] {
    hidden.device.counting(as: .head) { found(rows, teacher, reservesTeacherRow, backward, body) }
  }

  private func found<Result>(
    _ rows: [Int32], _ teacher: TeacherProjection?, _ reservesTeacherRow: Bool, _ backward: BackwardPass?,
    _ body: LogitsRowBody<Result>
  ) -> [Result] {
    guard let backward else { return process(rows, teacher, reservesTeacherRow, nil, body) }
    let compact = Tensor(uninitialized: [rows.count, hidden.columns], on: hidden.device)
    let gradients = Gradients(hidden: compact, head: rows.isEmpty ? nil : backward.destination(of: head))
    let results = process(rows, teacher, reservesTeacherRow, gradients, body)
    backward.add(rows.count == hidden.rows ? compact.reshaped(hidden.shape) : scattered(compact, to: rows), to: hidden)
    return results
  }

  /// Where the gradients go: by the chosen hidden states, and by the head, nil where nobody wants it.
  private struct Gradients {
    let hidden: Tensor
    let head: GradientDestination?
  }

  /// The rows of `compact` as the given ones of a tensor of the hidden states' shape, whose others are zero.
  private func scattered(_ compact: Tensor, to rows: [Int32]) -> Tensor {
    let columns = hidden.columns
    let full = Tensor.zeros(hidden.shape, on: hidden.device)
    for (index, row) in rows.enumerated() {
      (full.pointer + Int(row) * columns).update(from: compact.pointer + index * columns, count: columns)
    }
    return full
  }

  /// Tokens per block for a vocabulary of V: about 32 MiB of logits for each side.
  public static func blockRows(vocabularySize: Int) -> Int {
    max(16, min(256, (32 << 20) / (4 * vocabularySize) / 16 * 16))
  }

  private func process<Result>(
    _ rows: [Int32], _ teacher: TeacherProjection?, _ reservesTeacherRow: Bool, _ gradients: Gradients?,
    _ body: LogitsRowBody<Result>
  ) -> [Result] {
    let teachers = teacher?.projections ?? []
    precondition(
      teachers.allSatisfy { $0.vocabularySize == vocabularySize && $0.hidden.rows == hidden.rows },
      "teacher and student differ in vocabulary or tokens")
    precondition(
      rows.count == hidden.rows || Set(rows).count == rows.count, "a row of the hidden states is chosen twice")
    let device = hidden.device
    let vocabulary = vocabularySize
    // of a size that does not depend on the number of rows, so that all passes share these buffers; what is not
    // written to takes no memory
    let most = Self.blockRows(vocabularySize: vocabulary)
    let block = min(rows.count, most)
    let logits = Tensor(uninitialized: [most, vocabulary], written: block * vocabulary, on: device)
    let teacherWidth = teachers.count * vocabulary
    let teacherLogits = Tensor(uninitialized: [most, teacherWidth], written: block * teacherWidth, on: device)
    let reserved = Tensor(uninitialized: [reservesTeacherRow ? device.threads : 0, vocabulary], on: device)
    let scratch = Tensor(uninitialized: [device.threads, vocabulary], on: device)
    // of a capped logit the derivative by the product, while `body` works on the row
    let slopes = Tensor(uninitialized: [cap == nil || gradients == nil ? 0 : device.threads, vocabulary], on: device)
    let products = ProjectionProducts(
      Self.chosen(rows, of: hidden), self, hasGradient: gradients != nil, blockRows: block)
    let teacherProducts = teachers.map {
      ProjectionProducts(Self.chosen(rows, of: $0.hidden), $0, hasGradient: false, blockRows: block)
    }

    return [Result](unsafeUninitializedCapacity: rows.count) { results, initializedCount in
      // every worker initialises the elements of its own rows; after the last block all are initialised
      nonisolated(unsafe) let results = results
      for start in stride(from: 0, to: rows.count, by: max(1, block)) {
        let count = min(block, rows.count - start)
        products.logits(start, count, into: logits.pointer, stride: vocabulary)
        for (index, products) in teacherProducts.enumerated() {
          products.logits(start, count, into: teacherLogits.pointer + index * vocabulary, stride: teacherWidth)
        }
        func work(_ row: Int, _ worker: Int) {
          func line(_ tensor: Tensor, _ index: Int, _ width: Int) -> UnsafeMutableBufferPointer<Float> {
            UnsafeMutableBufferPointer(start: tensor.pointer + index * width, count: width)
          }
          var student = line(logits, row, vocabulary).mutableSpan
          let rowSlopes = slopes.count == 0 ? nil : slopes.pointer + worker * vocabulary
          capLogits(logits.pointer + row * vocabulary, slopes: rowSlopes)
          for (index, projection) in teachers.enumerated() {
            projection.capLogits(teacherLogits.pointer + row * teacherWidth + index * vocabulary)
          }
          if let teacher, teachers.count > 1 {
            RowKernels.mixSoftmax(
              line(teacherLogits, row, teacherWidth), weights: teacher.weights, temperature: teacher.temperature)
          }
          let teacherLine =
            teachers.isEmpty && reservesTeacherRow
            ? line(reserved, worker, vocabulary)
            : UnsafeMutableBufferPointer(
              start: teacherLogits.pointer + row * teacherWidth, count: teachers.isEmpty ? 0 : vocabulary)
          var teacherRow = teacherLine.mutableSpan
          var scratchRow = line(scratch, worker, vocabulary).mutableSpan
          results.initializeElement(
            at: start + row, to: body(start + row, &student, &teacherRow, &scratchRow))
          if gradients != nil {
            let gradient = logits.pointer + row * vocabulary
            // in the forward pass: z' = c·tanh(z/c), so d z = d z' · (1 − (z'/c)²)
            if let rowSlopes { limbeck_multiply(gradient, gradient, rowSlopes, 0, vocabulary) }
            products.prepareGradient(gradient)
          }
        }
        device.parallel(count, work)
        if !device.computes, count > 0 {
          // a result of one row, whatever it is, for all
          work(0, 0)
          for row in 1..<count { results.initializeElement(at: start + row, to: results[start]) }
        }
        if let gradients {
          products.propagate(logits, start, count, dHidden: gradients.hidden, dHead: gradients.head)
        }
      }
      initializedCount = rows.count
    }
  }

  /// Caps a row of logits [V]; `slopes` receives the derivatives.
  private func capLogits(_ row: UnsafeMutablePointer<Float>, slopes: UnsafeMutablePointer<Float>? = nil) {
    guard let cap else { return }
    if let slopes {
      limbeck_soft_cap_slopes(row, slopes, cap, vocabularySize)
    } else {
      limbeck_soft_cap(row, 1, cap, vocabularySize)
    }
  }

  private static func chosen(_ rows: [Int32], of hidden: Tensor) -> Tensor {
    let isEverything = rows.count == hidden.rows && rows.enumerated().allSatisfy { Int($1) == $0 }
    return isEverything ? hidden.detached : hidden.detached.gatheringRows(rows)
  }
}
