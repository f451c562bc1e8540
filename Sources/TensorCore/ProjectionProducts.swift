import CKernels

/// The three products of a vocabulary projection on a block of tokens: logits, and the gradients of hidden states and head.
///
/// In bfloat16 the head is rounded and packed once for all blocks, and gradients of logits are rounded row by row where
/// they lie, while a row is in cache: both would otherwise be read from memory, twice as large, by every product.
struct ProjectionProducts {
  private let head: Tensor
  private let precision: ProductPrecision
  private let scratch: WorkerScratch
  /// The head as the right factor of the logits, and of the gradient of the hidden states.
  private let packedForLogits: PackedFactor?
  private let packedForGradient: PackedFactor?
  private let narrowsGradients: Bool

  private var vocabulary: Int { head.shape[0] }
  private var channels: Int { head.shape[1] }
  private var device: Device { head.device }
  /// headᵀ [C, V]
  private var transposedHead: MatrixView { MatrixView(head.pointer, stride: channels).transposed }

  /// - Parameters:
  ///   - projection: whose head it is.
  ///   - hasGradient: whether gradients will be asked for.
  ///   - isRepeated: whether there is more than one block, so that packing the head beforehand pays.
  init(_ projection: VocabularyProjection, hasGradient: Bool, isRepeated: Bool) {
    head = projection.head
    precision = projection.precision
    scratch = WorkerScratch(SerialProduct.scratchCount, on: head.device)
    let packs = isRepeated && precision == .bfloat16 && BFloat16Product.isAvailable
    let (vocabulary, channels) = (head.shape[0], head.shape[1])
    let straight = MatrixView(head.pointer, stride: channels)
    packedForLogits =
      packs ? PackedFactor(straight.transposed, k: channels, n: vocabulary, on: head.device) : nil
    packedForGradient =
      packs && hasGradient ? PackedFactor(straight, k: vocabulary, n: channels, on: head.device) : nil
    narrowsGradients = packs && hasGradient
  }

  /// Columns of logits per piece of work: a piece of a block stays in a core's cache, and there are at least eight.
  private var vocabularyGrain: Int {
    let panel = PackedFactor.panel
    return min(43 * panel, max(2 * panel, (vocabulary / 8 + panel - 1) / panel * panel))
  }
  /// Rows per piece of the hidden gradient.
  private var rowGrain: Int { 128 }

  /// logits[count, V] = x[start..., C] · headᵀ, rows of logits `stride` apart
  func logits(
    of x: Tensor, _ start: Int, _ count: Int, into logits: UnsafeMutablePointer<Float>, stride: Int
  ) {
    let grain = vocabularyGrain
    let rows = MatrixView(x.pointer + start * channels, stride: channels)
    device.parallel((vocabulary + grain - 1) / grain) { piece, worker in
      let first = piece * grain
      let (out, width) = (logits + first, min(grain, vocabulary - first))
      if let packedForLogits {
        BFloat16Product.multiply(
          into: out, stride: stride, adds: false, LeftFactor(rows), packedForLogits.from(column: first), m: count,
          n: width, k: channels, scratch: scratch[worker])
      } else {
        SerialProduct.multiply(
          into: out, stride: stride, adds: false, rows, transposedHead.from(column: first), m: count, n: width,
          k: channels, precision: precision, scratch: scratch[worker])
      }
    }
  }

  /// Makes a row of gradients [V] ready for `propagate`.
  func prepareGradient(_ row: UnsafeMutablePointer<Float>) {
    if narrowsGradients { limbeck_narrow_bf16(row, vocabulary) }
  }

  /// In the forward pass: logits = x · Wᵀ, so d x = d logits · W and d W += d logitsᵀ · x.
  func propagate(
    _ dLogits: Tensor, _ start: Int, _ count: Int, input: Tensor, dHidden: Tensor, dHead: UnsafeMutablePointer<Float>?
  ) {
    let rowPieces = (count + rowGrain - 1) / rowGrain
    let headPieces = dHead == nil ? 0 : (vocabulary + vocabularyGrain - 1) / vocabularyGrain
    let inputRows = MatrixView(input.pointer + start * channels, stride: channels)
    device.parallel(rowPieces + headPieces) { piece, worker in
      if piece < rowPieces {
        let first = piece * rowGrain
        hiddenGradient(
          dLogits.pointer + first * vocabulary, min(rowGrain, count - first),
          into: dHidden.pointer + (start + first) * channels, scratch[worker])
      } else if let dHead {
        let first = (piece - rowPieces) * vocabularyGrain
        headGradient(
          dLogits, column: first, min(vocabularyGrain, vocabulary - first), inputRows, count,
          into: dHead + first * channels, scratch[worker])
      }
    }
  }

  private func hiddenGradient(
    _ dLogits: UnsafePointer<Float>, _ count: Int, into out: UnsafeMutablePointer<Float>,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    if let packedForGradient {
      BFloat16Product.multiply(
        into: out, stride: channels, adds: false,
        LeftFactor(narrowRows: dLogits, stride: vocabulary, transposed: false),
        packedForGradient.from(column: 0), m: count, n: channels, k: vocabulary, scratch: scratch)
    } else {
      SerialProduct.multiply(
        into: out, stride: channels, adds: false, MatrixView(dLogits, stride: vocabulary),
        MatrixView(head.pointer, stride: channels), m: count, n: channels, k: vocabulary, precision: precision,
        scratch: scratch)
    }
  }

  private func headGradient(
    _ dLogits: Tensor, column: Int, _ width: Int, _ input: MatrixView, _ count: Int,
    into out: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>
  ) {
    if narrowsGradients {
      let gradient = LeftFactor(narrowRows: dLogits.pointer, stride: vocabulary, transposed: true, column: column)
      BFloat16Product.multiply(
        into: out, stride: channels, adds: true, gradient, RightFactor(input), m: width, n: channels, k: count,
        scratch: scratch)
    } else {
      SerialProduct.multiply(
        into: out, stride: channels, adds: true, MatrixView(dLogits.pointer + column, stride: vocabulary).transposed,
        input, m: width, n: channels, k: count, precision: precision, scratch: scratch)
    }
  }
}
