import CKernels
import Foundation

/// Products in bfloat16 by the CPU's instructions, with factors that were rounded beforehand where it pays: where the
/// backend `packsBFloat16`.
enum BFloat16Product {
  /// c[m, n] = a[m, k] · b[k, n], or += where `adds`; rows of c lie `stride` apart, and k ≥ 1. A result that is too
  /// large for the caches anyway `streams` past them, as far as its memory allows.
  static func multiply(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, streams: Bool = false, _ a: LeftFactor,
    _ b: RightFactor, m: Int, n: Int, k: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    limbeck_product_bf16(
      c, stride, limbeck_store(adds: adds, streams: streams), a.factor, b.factor, m, n, k, scratch)
  }
}

/// The left factor of a product in bfloat16.
struct LeftFactor {
  fileprivate let factor: limbeck_left_factor

  /// Floats, to be rounded in passing.
  init(_ view: MatrixView) {
    factor = limbeck_left_factor(data: view.pointer, row: view.rowStride, step: view.columnStride, is_narrow: 0)
  }

  /// Rows that `limbeck_narrow_bf16` has been at, which begin `stride` floats apart; their columns from `column` on.
  init(narrowRows pointer: UnsafePointer<Float>, stride: Int, transposed: Bool, column: Int = 0) {
    factor = limbeck_left_factor(
      data: UnsafeRawPointer(pointer) + 2 * column, row: transposed ? 1 : stride, step: transposed ? stride : 1,
      is_narrow: 1)
  }
}

/// The right factor of a product in bfloat16.
struct RightFactor {
  fileprivate let factor: limbeck_right_factor

  /// Floats, to be rounded in passing.
  init(_ view: MatrixView) {
    factor = limbeck_right_factor(data: view.pointer, step: view.rowStride, column: view.columnStride, packed_pairs: 0)
  }

  fileprivate init(packed: UnsafeRawPointer, pairs: Int) {
    factor = limbeck_right_factor(data: packed, step: 0, column: 0, packed_pairs: pairs)
  }

  /// A factor [k, n] rounded and packed into `memory`, which has room for `packedCount` floats and outlives it.
  /// Products may take fewer than its k steps, or n columns: the first.
  init(packing matrix: MatrixView, k: Int, n: Int, into memory: UnsafeMutablePointer<Float>) {
    limbeck_pack_bf16(memory, matrix.pointer, matrix.rowStride, matrix.columnStride, n, k)
    self.init(packed: memory, pairs: (k + 1) / 2)
  }

  /// The columns of a packed factor from one on that is divisible by `PackedFactor.panel`, and its steps from an even
  /// one on.
  func from(step: Int = 0, column: Int = 0) -> RightFactor {
    precondition(
      factor.packed_pairs > 0 && step % 2 == 0 && column % PackedFactor.panel == 0, "from \(step), \(column)")
    let words = column * factor.packed_pairs + step / 2 * PackedFactor.panel
    return RightFactor(packed: factor.data + words * MemoryLayout<Float>.size, pairs: factor.packed_pairs)
  }

  /// Floats of a packed factor [k, n].
  static func packedCount(k: Int, n: Int) -> Int {
    (k + 1) / 2 * ((n + PackedFactor.panel - 1) / PackedFactor.panel * PackedFactor.panel)
  }
}

/// A right factor [k, n] rounded and packed once, for products with many left ones.
struct PackedFactor {
  /// Columns that are packed together.
  static let panel = Int(LIMBECK_PRODUCT_PANEL)
  private let memory: Tensor
  private let pairs: Int

  init(_ matrix: MatrixView, k: Int, n: Int, on device: Device) {
    self.init(k: k, n: n, scratchCount: 0, on: device) { columns, _ in matrix.from(column: columns.lowerBound) }
  }

  /// A factor of which `panel` returns some of the columns [k, columns], if it likes in a worker's `scratchCount`
  /// floats.
  init(
    k: Int, n: Int, scratchCount: Int, on device: Device,
    panel: (_ columns: Range<Int>, _ scratch: UnsafeMutablePointer<Float>) -> MatrixView
  ) {
    let (panels, pairs) = ((n + Self.panel - 1) / Self.panel, (k + 1) / 2)
    let memory = device.counting(as: .packedWeights) {
      Tensor(uninitialized: [RightFactor.packedCount(k: k, n: n)], on: device)
    }
    self.memory = memory
    self.pairs = pairs
    let scratch = WorkerScratch(scratchCount, on: device)
    let grain = max(1, min(8, panels / 16))
    device.parallel((panels + grain - 1) / grain) { task, worker in
      for first in stride(from: task * grain * Self.panel, to: min(n, (task + 1) * grain * Self.panel), by: Self.panel)
      {
        let columns = first..<min(n, first + Self.panel)
        let matrix = panel(columns, scratch[worker])
        limbeck_pack_bf16(
          memory.pointer + first * pairs, matrix.pointer, matrix.rowStride, matrix.columnStride, columns.count, k)
      }
    }
  }

  /// The factor from a column on that is divisible by `panel`; valid while this value lives.
  func from(column: Int) -> RightFactor {
    precondition(column % Self.panel == 0, "column \(column) lies within a panel")
    return RightFactor(packed: memory.pointer + column * pairs, pairs: pairs)
  }
}

/// What constant memory has become as a right factor: made by the first product that needs it, kept for the others.
final class PackedFactorCache {
  private let lock = NSLock()
  /// The shape of the matrix, and what became of it; touched only inside `lock`.
  private var made: (shape: [Int], factor: PackedFactor)?
  private let afterPacking: () -> Void

  /// - Parameter afterPacking: called when a factor was made, after which the memory itself is seldom read.
  init(afterPacking: @escaping () -> Void = {}) {
    self.afterPacking = afterPacking
  }

  /// The factor of the matrix of that shape; products on other threads that need it, too, wait for the one that makes
  /// it.
  func factor(of shape: [Int], _ make: () -> PackedFactor) -> PackedFactor {
    lock.lock()
    defer { lock.unlock() }
    if let made, made.shape == shape { return made.factor }
    let factor = make()
    made = (shape, factor)
    afterPacking()
    return factor
  }
}

extension Tensor {
  /// This matrix [n, k], transposed, as the right factor [k, n] of many products, packed on `device`. Of constant
  /// memory, such as a teacher's mapped weights, it is kept for as long as the memory, half as large: every step would
  /// pack it anew.
  func packedTransposed(on device: Device) -> PackedFactor {
    func pack() -> PackedFactor {
      PackedFactor(MatrixView(pointer, stride: columns).transposed, k: columns, n: rows, on: device)
    }
    return storage.packedFactors?.factor(of: shape, pack) ?? pack()
  }
}
