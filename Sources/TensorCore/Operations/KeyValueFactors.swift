import CKernels

/// The keys and values [keys, D] of one head as right factors of attention's two products, and what these have in the
/// backward pass, where values meet the output's gradients as keys meet queries, and keys the scores' as values
/// weights.
///
/// In bfloat16, where the backend packs factors, both are rounded and packed once for all queries, and weights as they
/// are made.
struct KeyValueFactors {
  private enum Form {
    case floats(keys: MatrixView, values: MatrixView)
    case packed(keys: RightFactor, values: RightFactor)
  }

  private let form: Form
  private let headSize: Int
  private let precision: ProductPrecision
  private let backend: any MatrixBackend

  private static func packs(_ precision: ProductPrecision, _ backend: any MatrixBackend) -> Bool {
    precision == .bfloat16 && backend.packsBFloat16
  }

  /// Floats of memory that the factors of `keys` keys need.
  static func memoryCount(
    keys: Int, headSize: Int, precision: ProductPrecision, backend: any MatrixBackend
  ) -> Int {
    guard packs(precision, backend) else { return 0 }
    return RightFactor.packedCount(k: headSize, n: keys) + RightFactor.packedCount(k: keys, n: headSize)
  }

  /// `keys` and `values` begin with that head's first rows, which lie `stride` apart; they and `memory`, with room for
  /// `memoryCount` floats, outlive the factors.
  init(
    keys: UnsafePointer<Float>, values: UnsafePointer<Float>, stride: Int, count: Int, headSize: Int,
    precision: ProductPrecision, backend: any MatrixBackend, memory: UnsafeMutablePointer<Float>
  ) {
    self.headSize = headSize
    self.precision = precision
    self.backend = backend
    let (keyView, valueView) = (MatrixView(keys, stride: stride).transposed, MatrixView(values, stride: stride))
    guard Self.packs(precision, backend) else {
      form = .floats(keys: keyView, values: valueView)
      return
    }
    let valueMemory = memory + RightFactor.packedCount(k: headSize, n: count)
    form = .packed(
      keys: RightFactor(packing: keyView, k: headSize, n: count, into: memory),
      values: RightFactor(packing: valueView, k: count, n: headSize, into: valueMemory))
  }

  /// Rows of queries that meet their keys at a time: the scores of a block stay in cache, and no [T, T] matrix exists.
  /// Of the scores in smaller blocks fewer are masked, which pays where keys are not packed anew for each block.
  var queryBlock: Int {
    switch form {
    case .floats: 64
    case .packed: 32
    }
  }

  /// s[block, width] = q[block, D] · k[width, D]ᵀ for the first `width` keys.
  func scores(
    into s: UnsafeMutablePointer<Float>, stride: Int, _ queries: MatrixView, block: Int, width: Int,
    scratch: UnsafeMutablePointer<Float>
  ) {
    switch form {
    case .floats(let keys, _):
      backend.product(
        into: s, stride: stride, adds: false, queries, keys, m: block, n: width, k: headSize, precision: precision,
        scratch: scratch)
    case .packed(let keys, _):
      BFloat16Product.multiply(
        into: s, stride: stride, adds: false, LeftFactor(queries), keys, m: block, n: width, k: headSize,
        scratch: scratch)
    }
  }

  /// From one row of scores to the next: exponentials of whole vectors are faster than those of the elements of a part
  /// of one.
  static func line(_ width: Int) -> Int { (width + 63) / 64 * 64 }

  /// Scores become weights where they lie, e^(scale · (s − maximum)) up to their sum, for `weightedValues` and
  /// `weightedQueries`: of `block` rows, `line` apart, of which the first sees `visible` keys, and each other one more
  /// than the one before. What a row does not see, but the last does, has a weight of 0.
  func makeWeights(
    _ scores: UnsafeMutablePointer<Float>, line: Int, block: Int, visible: Int, scale: Float,
    maxima: UnsafeMutablePointer<Float>, sums: UnsafeMutablePointer<Double>
  ) {
    switch form {
    case .floats:
      for row in 0..<block {
        let weights = scores + row * line
        // masked scores have exponentials of 0
        let (seen, padded) = (visible + row, Self.line(visible + row))
        (weights + seen).update(repeating: -.infinity, count: padded - seen)
        (weights + padded).update(repeating: 0, count: line - padded)
        sums[row] = limbeck_softmax_exponentials(weights, maxima + row, scale, padded)
      }
    case .packed: limbeck_causal_weights_bf16(scores, line, block, visible, scale, maxima, sums)
    }
  }

  /// The same scores become probabilities p = e^(scale · s − logSum), and the gradients of these those of the products
  /// of queries and keys, p · (d − delta) · scale; the delta of row r is `deltas[r · deltaStride]`.
  func makeGradients(
    _ scores: UnsafeMutablePointer<Float>, _ gradients: UnsafeMutablePointer<Float>, line: Int, block: Int,
    visible: Int, scale: Float, logSums: UnsafePointer<Float>, deltas: UnsafePointer<Float>, deltaStride: Int
  ) {
    switch form {
    case .floats:
      let width = visible + block - 1
      for row in 0..<block {
        let (weights, dWeights, seen) = (scores + row * line, gradients + row * line, visible + row)
        limbeck_softmax_again(weights, scale, logSums[row], seen)
        limbeck_softmax_backward(dWeights, weights, deltas[row * deltaStride], scale, seen)
        (weights + seen).update(repeating: 0, count: width - seen)
        (dWeights + seen).update(repeating: 0, count: width - seen)
      }
    case .packed:
      limbeck_causal_gradients_bf16(
        scores, gradients, line, block, visible, scale, logSums, deltas, deltaStride)
    }
  }

  /// out[block, D] = p[block, width] · v[width, D], or += where `adds`, of rows of weights as they were made.
  func weightedValues(
    into out: UnsafeMutablePointer<Float>, stride: Int, adds: Bool = false, weights: UnsafePointer<Float>, line: Int,
    block: Int, width: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    switch form {
    case .floats(_, let values):
      backend.product(
        into: out, stride: stride, adds: adds, MatrixView(weights, stride: line), values, m: block, n: headSize,
        k: width, precision: precision, scratch: scratch)
    case .packed(_, let values):
      BFloat16Product.multiply(
        into: out, stride: stride, adds: adds, LeftFactor(narrowRows: weights, stride: line, transposed: false),
        values, m: block, n: headSize, k: width, scratch: scratch)
    }
  }

  /// c[width, D] = p[block, width]ᵀ · a[block, D], or += where `adds`, of rows of weights as they were made.
  func weightedQueries(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, weights: UnsafePointer<Float>, line: Int,
    _ a: MatrixView, block: Int, width: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    switch form {
    case .floats:
      backend.product(
        into: c, stride: stride, adds: adds, MatrixView(weights, stride: line).transposed, a, m: width, n: headSize,
        k: block, precision: precision, scratch: scratch)
    case .packed:
      BFloat16Product.multiply(
        into: c, stride: stride, adds: adds, LeftFactor(narrowRows: weights, stride: line, transposed: true),
        RightFactor(a), m: width, n: headSize, k: block, scratch: scratch)
    }
  }
}
