import CKernels

/// The keys and values [keys, D] of one head as right factors of attention's two products, and what these have in the
/// backward pass, where values meet the output's gradients as keys meet queries, and keys the scores' as values weights.
///
/// In bfloat16, on CPUs that have the instructions, both are rounded and packed once for all queries, and a row of weights
/// where it lies, while it is in cache.
struct KeyValueFactors {
  private enum Form {
    case floats(keys: MatrixView, values: MatrixView)
    case packed(keys: RightFactor, values: RightFactor)
  }

  private let form: Form
  private let headSize: Int
  private let precision: ProductPrecision

  private static func packs(_ precision: ProductPrecision) -> Bool {
    precision == .bfloat16 && BFloat16Product.isAvailable
  }

  /// Floats of memory that the factors of `keys` keys need.
  static func memoryCount(keys: Int, headSize: Int, precision: ProductPrecision) -> Int {
    guard packs(precision) else { return 0 }
    return RightFactor.packedCount(k: headSize, n: keys) + RightFactor.packedCount(k: keys, n: headSize)
  }

  /// `keys` and `values` begin with that head's first rows, which lie `stride` apart; they and `memory`, with room for
  /// `memoryCount` floats, outlive the factors.
  init(
    keys: UnsafePointer<Float>, values: UnsafePointer<Float>, stride: Int, count: Int, headSize: Int,
    precision: ProductPrecision, memory: UnsafeMutablePointer<Float>
  ) {
    self.headSize = headSize
    self.precision = precision
    let (keyView, valueView) = (MatrixView(keys, stride: stride).transposed, MatrixView(values, stride: stride))
    guard Self.packs(precision) else {
      form = .floats(keys: keyView, values: valueView)
      return
    }
    let valueMemory = memory + RightFactor.packedCount(k: headSize, n: count)
    form = .packed(
      keys: RightFactor(packing: keyView, k: headSize, n: count, into: memory),
      values: RightFactor(packing: valueView, k: count, n: headSize, into: valueMemory))
  }

  /// Rows of queries that meet their keys at a time: the scores of a block stay in cache, and no [T, T] matrix exists. Of
  /// the scores in smaller blocks fewer are masked, which pays where keys are not packed anew for each block.
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
      SerialProduct.multiply(
        into: s, stride: stride, adds: false, queries, keys, m: block, n: width, k: headSize, precision: precision,
        scratch: scratch)
    case .packed(let keys, _):
      BFloat16Product.multiply(
        into: s, stride: stride, adds: false, LeftFactor(queries), keys, m: block, n: width, k: headSize,
        scratch: scratch)
    }
  }

  /// Readies a row of weights [width] for `weightedValues` and `weightedQueries`.
  func prepare(weights: UnsafeMutablePointer<Float>, width: Int) {
    if case .packed = form { limbeck_narrow_bf16(weights, width) }
  }

  /// out[block, D] = p[block, width] · v[width, D], or += where `adds`, of prepared rows of weights, which lie `line` apart.
  func weightedValues(
    into out: UnsafeMutablePointer<Float>, stride: Int, adds: Bool = false, weights: UnsafePointer<Float>, line: Int,
    block: Int, width: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    switch form {
    case .floats(_, let values):
      SerialProduct.multiply(
        into: out, stride: stride, adds: adds, MatrixView(weights, stride: line), values, m: block, n: headSize,
        k: width, precision: precision, scratch: scratch)
    case .packed(_, let values):
      BFloat16Product.multiply(
        into: out, stride: stride, adds: adds, LeftFactor(narrowRows: weights, stride: line, transposed: false),
        values, m: block, n: headSize, k: width, scratch: scratch)
    }
  }

  /// c[width, D] = p[block, width]ᵀ · a[block, D], or += where `adds`, of prepared rows of weights, which lie `line` apart.
  func weightedQueries(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, weights: UnsafePointer<Float>, line: Int,
    _ a: MatrixView, block: Int, width: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    switch form {
    case .floats:
      SerialProduct.multiply(
        into: c, stride: stride, adds: adds, MatrixView(weights, stride: line).transposed, a, m: width, n: headSize,
        k: block, precision: precision, scratch: scratch)
    case .packed:
      BFloat16Product.multiply(
        into: c, stride: stride, adds: adds, LeftFactor(narrowRows: weights, stride: line, transposed: true),
        RightFactor(a), m: width, n: headSize, k: block, scratch: scratch)
    }
  }
}
