/// A weight matrix W [O, I], transposed, as the right factor of products by the device's backend, on any of its
/// workers.
///
/// Float32 is read where it lies. What is kept in other types each worker converts for itself, a block of W's rows at
/// a time, which then is in a cache: products get the values of a float32 copy and give its bits. One row
/// meets quantised blocks where they lie, converted in registers, in the same order.
struct WeightFactor {
  private let weight: WeightMatrix
  private let inputs: Int
  private let backend: any MatrixBackend
  private let scratch: WorkerScratch
  /// Rows of W that are converted at a time, and where to; 0 where W is float32.
  private let block: Int
  private let converted: WorkerScratch

  /// - Parameters:
  ///   - weight: W.
  ///   - rows: the rows of the left factor that are multiplied together.
  ///   - widest: the most rows of W that a product takes.
  ///   - device: whose workers multiply.
  init(_ weight: WeightMatrix, rows: Int, widest: Int, on device: Device) {
    self.weight = weight
    inputs = weight.shape[1]
    backend = device.backend
    scratch = WorkerScratch(backend.scratchCount, on: device)
    block =
      switch weight {
      case .dense: 0
      // a library may sum in another order where there are fewer columns
      case .encoded where rows > Device.uniformRows && !backend.rowsAreIndependent: widest
      case .encoded where rows <= Device.uniformRows: min(widest, max(1, Self.firstCacheFloats / inputs / 16) * 16)
      case .encoded: min(widest, max(1, Self.cachedFloats / inputs / PackedFactor.panel) * PackedFactor.panel)
      }
    converted = WorkerScratch((block * inputs + 15) / 16 * 16, on: device)
  }

  /// Floats of a block that more rows meet: larger than a second-level cache, for each block packs those rows anew.
  private static let cachedFloats = 1 << 19
  /// Floats of a block that few rows find in a first-level cache.
  private static let firstCacheFloats = 1 << 13

  /// c[m, outputs] = a[m, I] · Wᵀ of the given rows of W, or += where `adds`, as `MatrixBackend.product`.
  func multiply(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, streams: Bool = false, _ a: MatrixView, m: Int,
    outputs: Range<Int>, precision: ProductPrecision, worker: Int
  ) {
    switch weight {
    case .dense(let w):
      let rows = MatrixView(w.pointer, stride: inputs).from(row: outputs.lowerBound)
      backend.product(
        into: c, stride: stride, adds: adds, streams: streams, a, rows.transposed, m: m, n: outputs.count, k: inputs,
        precision: precision, scratch: scratch[worker])
    case .encoded(let w):
      if m == 1, precision == .float32, a.columnStride == 1, let vectors = backend.blockVectors,
        w.multiplyRow(a.pointer, outputs, into: c, adds: adds, vectors: vectors)
      {
        return
      }
      let rows = MatrixView(converted[worker], stride: inputs)
      for first in Swift.stride(from: outputs.lowerBound, to: outputs.upperBound, by: block) {
        let part = first..<min(outputs.upperBound, first + block)
        w.decode(part, into: converted[worker])
        backend.product(
          into: c + first - outputs.lowerBound, stride: stride, adds: adds, streams: streams, a, rows.transposed, m: m,
          n: part.count, k: inputs, precision: precision, scratch: scratch[worker])
      }
    }
  }
}
