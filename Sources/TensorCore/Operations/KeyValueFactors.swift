import CKernels

/// The keys and values [keys, D] of one head as right factors of attention's two products, and what these have in the
/// backward pass, where values meet the output's gradients as keys meet queries, and keys the scores' as values
/// weights.
///
/// In bfloat16, where the backend packs factors, both are rounded and packed once for all queries, and weights as they
/// are made.
struct KeyValueFactors {
  enum Form {
    case floats(keys: MatrixView, values: MatrixView)
    case packed(keys: RightFactor, values: RightFactor)
  }

  let form: Form
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

  /// What the first key of a block of queries is divisible by.
  var alignment: Int {
    switch form {
    case .floats: 1
    case .packed: PackedFactor.panel
    }
  }

  /// s[count, width] = q[count, D] · k[width, D]ᵀ of the keys of a block; rows of s lie `block.line` apart.
  func scores(
    into s: UnsafeMutablePointer<Float>, _ queries: MatrixView, _ block: QueryBlock,
    scratch: UnsafeMutablePointer<Float>
  ) {
    switch form {
    case .floats(let keys, _):
      backend.product(
        into: s, stride: block.line, adds: false, queries, keys.from(column: block.firstKey), m: block.count,
        n: block.width, k: headSize, precision: precision, scratch: scratch)
    case .packed(let keys, _):
      BFloat16Product.multiply(
        into: s, stride: block.line, adds: false, LeftFactor(queries), keys.from(column: block.firstKey),
        m: block.count, n: block.width, k: headSize, scratch: scratch)
    }
  }

  /// out[count, D] = p[count, width] · v[width, D] of the values of a block, or += where `adds`, of weights as
  /// `makeWeights` or `makeGradients` made them.
  func weightedValues(
    into out: UnsafeMutablePointer<Float>, stride: Int, adds: Bool = false, weights: UnsafePointer<Float>,
    _ block: QueryBlock, scratch: UnsafeMutablePointer<Float>
  ) {
    switch form {
    case .floats(_, let values):
      backend.product(
        into: out, stride: stride, adds: adds, MatrixView(weights, stride: block.line),
        values.from(row: block.firstKey), m: block.count, n: headSize, k: block.width, precision: precision,
        scratch: scratch)
    case .packed(_, let values):
      BFloat16Product.multiply(
        into: out, stride: stride, adds: adds, LeftFactor(narrowRows: weights, stride: block.line, transposed: false),
        values.from(step: block.firstKey), m: block.count, n: headSize, k: block.width, scratch: scratch)
    }
  }

  /// c[width, D] = p[count, width]ᵀ · a[count, D], or += where `adds`, of weights as `makeGradients` made them.
  func weightedQueries(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, weights: UnsafePointer<Float>, _ a: MatrixView,
    _ block: QueryBlock, scratch: UnsafeMutablePointer<Float>
  ) {
    switch form {
    case .floats:
      backend.product(
        into: c, stride: stride, adds: adds, MatrixView(weights, stride: block.line).transposed, a, m: block.width,
        n: headSize, k: block.count, precision: precision, scratch: scratch)
    case .packed:
      BFloat16Product.multiply(
        into: c, stride: stride, adds: adds, LeftFactor(narrowRows: weights, stride: block.line, transposed: true),
        RightFactor(a), m: block.width, n: headSize, k: block.count, scratch: scratch)
    }
  }
}
