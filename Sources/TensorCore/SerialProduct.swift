import CKernels

/// What the factors of a matrix product are rounded to; sums are always float32.
public enum ProductPrecision: String, Sendable, Codable, CaseIterable {
  /// Nothing is rounded.
  case float32
  /// Both factors are rounded to bfloat16, 8 significant bits, to nearest even: about twice the speed where the CPU has
  /// the instructions (AVX512_BF16), slower than float32 and with other rounding of the sums elsewhere.
  case bfloat16 = "bf16"
}

/// A matrix in memory, perhaps transposed: element (i, j) lies at `pointer[i·rowStride + j·columnStride]`, and one of the
/// strides is 1.
struct MatrixView {
  let pointer: UnsafePointer<Float>
  let rowStride: Int
  let columnStride: Int

  /// A row-major matrix whose rows lie `stride` apart.
  init(_ pointer: UnsafePointer<Float>, stride: Int) {
    self.init(pointer: pointer, rowStride: stride, columnStride: 1)
  }

  private init(pointer: UnsafePointer<Float>, rowStride: Int, columnStride: Int) {
    self.pointer = pointer
    self.rowStride = rowStride
    self.columnStride = columnStride
  }

  var transposed: MatrixView { MatrixView(pointer: pointer, rowStride: columnStride, columnStride: rowStride) }

  /// The part that begins at the given row and column.
  func from(row: Int = 0, column: Int = 0) -> MatrixView {
    MatrixView(
      pointer: pointer + row * rowStride + column * columnStride, rowStride: rowStride, columnStride: columnStride)
  }
}

/// Products of matrices on the calling thread: the project's own kernels on CPUs with AVX2 or AVX-512, OpenBLAS elsewhere.
///
/// Every piece of every larger product ends here. The kernels read left factors where they are, pack what must be
/// transposed into `scratch` panel by panel, and write the result once; OpenBLAS packs all of both operands, which costs
/// a fifth of the time where one of the three sizes is small, as it is in language models.
enum SerialProduct {
  /// Floats of scratch memory that one worker needs.
  static var scratchCount: Int { Int(LIMBECK_PRODUCT_SCRATCH) / MemoryLayout<Float>.stride }

  /// The most rows of a left factor that are multiplied by rows of a right one in inner products, so that each has the
  /// same bits alone and beside others.
  static var fewRows: Int { Int(LIMBECK_FEW_ROWS) }

  /// The vectors that this CPU runs the project's own kernels with.
  static let vectors = limbeck_best_vectors()

  /// Whether this CPU runs the project's own kernels.
  static var hasFloat32: Bool { vectors != LIMBECK_NO_VECTORS }

  /// c[m, n] = a[m, k] · b[k, n], or += where `adds`; rows of c lie `stride` apart, and k ≥ 1. A result that is too large
  /// for the caches anyway `streams` past them, as far as this CPU and the memory of c allow.
  static func multiply(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, streams: Bool = false, _ a: MatrixView,
    _ b: MatrixView, m: Int, n: Int, k: Int, precision: ProductPrecision = .float32,
    scratch: UnsafeMutablePointer<Float>
  ) {
    switch precision {
    case .float32 where m <= fewRows && a.columnStride == 1 && b.rowStride == 1:
      if hasFloat32 {
        limbeck_few_rows(
          vectors, c, stride, adds ? 1 : 0, a.pointer, a.rowStride, m, b.pointer, b.columnStride, n, k, scratch)
      } else {
        multiplyOneByOne(into: c, stride: stride, adds: adds, a, b, m: m, n: n, k: k)
      }
    case .float32 where hasFloat32:
      limbeck_product_f32(
        vectors, c, stride, limbeck_store(adds: adds, streams: streams), a.pointer, a.rowStride, a.columnStride,
        b.pointer, b.rowStride, b.columnStride, m, n, k, scratch)
    case .float32:
      guard let library = OpenBLAS.shared else { preconditionFailure(Device.missingLibrary ?? "") }
      library.multiply(into: c, stride: stride, adds: adds, a, b, m: m, n: n, k: k)
    case .bfloat16 where BFloat16Product.isAvailable:
      BFloat16Product.multiply(
        into: c, stride: stride, adds: adds, streams: streams, LeftFactor(a), RightFactor(b), m: m, n: n, k: k,
        scratch: scratch)
    case .bfloat16:
      let (left, right) = (RoundedMatrix(a, rows: m, columns: k), RoundedMatrix(b, rows: k, columns: n))
      multiply(
        into: c, stride: stride, adds: adds, streams: streams, left.view, right.view, m: m, n: n, k: k,
        scratch: scratch)
      withExtendedLifetime((left, right)) {}
    }
  }
}

extension limbeck_store {
  /// What a product does that adds to its result, or overwrites it, past the caches if it `streams`.
  init(adds: Bool, streams: Bool) { self = adds ? LIMBECK_ADD : streams ? LIMBECK_STREAM : LIMBECK_OVERWRITE }
}

extension SerialProduct {
  /// Each row of a with a few columns of b at a time, which then stay in cache.
  private static func multiplyOneByOne(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, _ a: MatrixView, _ b: MatrixView, m: Int, n: Int,
    k: Int
  ) {
    let together = 16
    for column in Swift.stride(from: 0, to: n, by: together) {
      for row in 0..<m {
        limbeck_matrix_vector(
          c + row * stride + column, b.from(column: column).pointer, b.columnStride, a.from(row: row).pointer,
          min(together, n - column), k, adds ? 1 : 0)
      }
    }
  }
}

/// A copy of a matrix, rounded to bfloat16: what a CPU without the instructions multiplies.
///
/// Invariant: `copy` has rows · columns elements, row-major if the original is, and lives as long as this object.
private final class RoundedMatrix {
  private let copy: UnsafeMutablePointer<Float>
  let view: MatrixView

  init(_ matrix: MatrixView, rows: Int, columns: Int) {
    copy = .allocate(capacity: rows * columns)
    let isTransposed = matrix.columnStride != 1
    let (lines, length) = isTransposed ? (columns, rows) : (rows, columns)
    for line in 0..<lines {
      limbeck_round_bf16(
        copy + line * length, matrix.pointer + line * max(matrix.rowStride, matrix.columnStride), length)
    }
    let straight = MatrixView(copy, stride: length)
    view = isTransposed ? straight.transposed : straight
  }

  deinit { copy.deallocate() }
}
