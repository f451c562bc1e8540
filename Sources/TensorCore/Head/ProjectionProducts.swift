import CKernels

/// The three products of a vocabulary projection on a block of tokens: logits, and the gradients of hidden states and
/// head.
///
/// In bfloat16 head and hidden states are rounded, and the head packed, once for all blocks, and gradients of logits
/// are rounded row by row where they lie, while a row is in cache: all would otherwise be read from memory, twice as
/// large, by every product.
struct ProjectionProducts {
  /// [N, C]
  private let hidden: Tensor
  /// [V, C]
  private let head: WeightMatrix
  private let precision: ProductPrecision
  private let backend: any MatrixBackend
  private let scratch: WorkerScratch
  /// The head as the right factor of the logits, as it is or packed, and of the gradient of the hidden states.
  private let logitsFactor: WeightFactor
  private let packedForLogits: PackedFactor?
  private let packedForGradient: PackedFactor?
  /// The hidden states, as `limbeck_narrow_bf16` leaves them.
  private let narrowHidden: Tensor?
  private let narrowsGradients: Bool
  /// Columns of logits per task.
  private let vocabularyGrain: Int

  private var vocabulary: Int { head.shape[0] }
  private var channels: Int { head.shape[1] }
  private var device: Device { hidden.device }

  /// - Parameters:
  ///   - hidden: the hidden states [N, C] of the tokens to work on.
  ///   - projection: whose head and precision it is.
  ///   - hasGradient: whether gradients will be asked for.
  ///   - blockRows: the tokens of a block. Of several blocks packing the head beforehand pays; that of a constant head
  ///     is kept anyway.
  init(_ hidden: Tensor, _ projection: VocabularyProjection, hasGradient: Bool, blockRows: Int) {
    self.hidden = hidden
    let device = hidden.device
    let head = projection.head
    self.head = head
    precision = projection.precision
    backend = device.backend
    scratch = WorkerScratch(backend.scratchCount, on: device)
    let packs = (hidden.rows > blockRows || head.isConstant) && precision == .bfloat16 && backend.packsBFloat16
    let (vocabulary, channels) = (head.shape[0], head.shape[1])
    vocabularyGrain = Self.vocabularyGrain(vocabulary)
    logitsFactor = WeightFactor(head, rows: blockRows, widest: min(vocabularyGrain, vocabulary), on: device)
    packedForLogits = packs ? head.packedTransposed(on: device) : nil
    // a head in another type than float32 is converted, and then packed, some rows at a time
    if case .dense(let head) = head, packs, hasGradient {
      packedForGradient = PackedFactor(
        MatrixView(head.pointer, stride: channels), k: vocabulary, n: channels, on: device)
    } else {
      packedForGradient = nil
    }
    narrowHidden = packs ? Self.narrowCopy(of: hidden) : nil
    narrowsGradients = packedForGradient != nil
  }

  private static func narrowCopy(of hidden: Tensor) -> Tensor {
    let columns = hidden.columns
    let copy = Tensor(uninitialized: hidden.shape, on: hidden.device)
    hidden.device.parallelRanges(hidden.rows, grain: 256) { rows in
      let start = rows.lowerBound * columns
      (copy.pointer + start).update(from: hidden.pointer + start, count: rows.count * columns)
      for row in rows { limbeck_narrow_bf16(copy.pointer + row * columns, columns) }
    }
    return copy
  }

  /// Columns of logits per task: a task's part of a block stays in a core's cache, there are at least eight, and as
  /// many whole ones as they come to, that no thread has half a task more to do than the others.
  private static func vocabularyGrain(_ vocabulary: Int) -> Int {
    let panels = (vocabulary + PackedFactor.panel - 1) / PackedFactor.panel
    let tasks = max(8, (panels + 42) / 43 + 1) / 2 * 2
    return max(2, (panels + tasks - 1) / tasks) * PackedFactor.panel
  }
  /// Rows of the hidden gradient per task.
  private var rowGrain: Int { 128 }

  /// Blocks of logits from this many bytes on leave no room in a third-level cache for what else is used.
  private static let streamedBytes = 16 << 20

  /// logits[count, V] = hidden[start..., C] · headᵀ, rows of logits `stride` apart
  func logits(_ start: Int, _ count: Int, into logits: UnsafeMutablePointer<Float>, stride: Int) {
    let grain = vocabularyGrain
    let streams = count * vocabulary * MemoryLayout<Float>.stride >= Self.streamedBytes
    device.parallel((vocabulary + grain - 1) / grain) { task, worker in
      let first = task * grain
      let (out, width) = (logits + first, min(grain, vocabulary - first))
      if let packedForLogits, let narrowHidden {
        let rows = LeftFactor(
          narrowRows: narrowHidden.pointer + start * channels, stride: channels, transposed: false)
        BFloat16Product.multiply(
          into: out, stride: stride, adds: false, streams: streams, rows, packedForLogits.from(column: first), m: count,
          n: width, k: channels, scratch: scratch[worker])
      } else {
        logitsFactor.multiply(
          into: out, stride: stride, adds: false, streams: streams, hiddenRows(start), m: count,
          outputs: first..<first + width, precision: precision, worker: worker)
      }
    }
  }

  private func hiddenRows(_ start: Int) -> MatrixView {
    MatrixView(hidden.pointer + start * channels, stride: channels)
  }

  /// Makes a row of gradients [V] ready for `propagate`.
  func prepareGradient(_ row: UnsafeMutablePointer<Float>) {
    if narrowsGradients { limbeck_narrow_bf16(row, vocabulary) }
  }

  /// In the forward pass: logits = x · Wᵀ, so d x = d logits · W and d W += d logitsᵀ · x, where the first block of
  /// tokens overwrites what `dHead` does not add to.
  func propagate(
    _ dLogits: Tensor, _ start: Int, _ count: Int, dHidden: Tensor, dHead: GradientDestination?
  ) {
    guard case .dense(let dense) = head else {
      // it is frozen
      return MatrixProduct.times(
        dHidden.pointer + start * channels, dLogits.pointer, head, rows: count, adds: false, precision: precision,
        on: device)
    }
    let rowTasks = (count + rowGrain - 1) / rowGrain
    let headTasks = dHead == nil ? 0 : (vocabulary + vocabularyGrain - 1) / vocabularyGrain
    let packedHidden =
      narrowsGradients && dHead != nil ? PackedFactor(hiddenRows(start), k: count, n: channels, on: device) : nil
    device.parallel(rowTasks + headTasks) { task, worker in
      if task < rowTasks {
        let first = task * rowGrain
        hiddenGradient(
          dense, dLogits.pointer + first * vocabulary, min(rowGrain, count - first),
          into: dHidden.pointer + (start + first) * channels, scratch[worker])
      } else if let dHead {
        let first = (task - rowTasks) * vocabularyGrain
        headGradient(
          dLogits, column: first, min(vocabularyGrain, vocabulary - first), hiddenRows(start), packedHidden, count,
          into: dHead.pointer + first * channels, adds: dHead.adds || start > 0, scratch[worker])
      }
    }
  }

  private func hiddenGradient(
    _ head: Tensor, _ dLogits: UnsafePointer<Float>, _ count: Int, into out: UnsafeMutablePointer<Float>,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    if let packedForGradient {
      BFloat16Product.multiply(
        into: out, stride: channels, adds: false,
        LeftFactor(narrowRows: dLogits, stride: vocabulary, transposed: false),
        packedForGradient.from(column: 0), m: count, n: channels, k: vocabulary, scratch: scratch)
    } else {
      backend.product(
        into: out, stride: channels, adds: false, MatrixView(dLogits, stride: vocabulary),
        MatrixView(head.pointer, stride: channels), m: count, n: channels, k: vocabulary, precision: precision,
        scratch: scratch)
    }
  }

  private func headGradient(
    _ dLogits: Tensor, column: Int, _ width: Int, _ hidden: MatrixView, _ packedHidden: PackedFactor?, _ count: Int,
    into out: UnsafeMutablePointer<Float>, adds: Bool, _ scratch: UnsafeMutablePointer<Float>
  ) {
    if let packedHidden {
      let gradient = LeftFactor(narrowRows: dLogits.pointer, stride: vocabulary, transposed: true, column: column)
      BFloat16Product.multiply(
        into: out, stride: channels, adds: adds, gradient, packedHidden.from(column: 0), m: width, n: channels,
        k: count, scratch: scratch)
    } else {
      backend.product(
        into: out, stride: channels, adds: adds, MatrixView(dLogits.pointer + column, stride: vocabulary).transposed,
        hidden, m: width, n: channels, k: count, precision: precision, scratch: scratch)
    }
  }
}
