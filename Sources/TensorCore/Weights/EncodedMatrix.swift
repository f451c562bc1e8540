import CKernels
public import DurableFiles

/// A matrix [O, I], row-major, of 16 bits a weight or of quantised blocks, which stays where it is mapped, or in memory
/// of its own, and is converted a block of rows at a time where it is multiplied.
public final class EncodedMatrix {
  /// How the weights are kept.
  public let encoding: MatrixEncoding
  /// O
  public let rows: Int
  /// I
  public let columns: Int
  // Valid for all rows while `owner` lives; nobody writes there after `init`.
  private let start: UnsafeRawPointer
  private let owner: AnyObject
  private let packed: PackedFactorCache

  /// - Parameters:
  ///   - bytes: the weights, one row after another, from any byte of the file on; as many as the shape says.
  ///   - encoding: how they are kept.
  ///   - rows: O, at least 1.
  ///   - columns: I, at least 1.
  public init(_ bytes: MappedElements<UInt8>, encoding: MatrixEncoding, rows: Int, columns: Int) {
    precondition(
      rows > 0 && columns > 0 && bytes.count == rows * encoding.rowBytes(columns: columns),
      "\(bytes.count) bytes of \(encoding) for [\(rows), \(columns)]")
    guard let start = bytes.unsafeStart else { preconditionFailure("a matrix of an empty file") }
    self.encoding = encoding
    self.rows = rows
    self.columns = columns
    self.start = UnsafeRawPointer(start)
    owner = bytes.file
    packed = PackedFactorCache { bytes.releasePages() }
  }

  /// The weights of a matrix [O, I], each rounded as `encoding` says, which must be encodable and not that of the
  /// matrix already, in memory of the new one's own.
  init(_ weight: WeightMatrix, encoding: MatrixEncoding, on device: Device) {
    let (rows, columns) = (weight.shape[0], weight.shape[1])
    let rowBytes = encoding.rowBytes(columns: columns)
    let memory = OwnBytes(count: rows * rowBytes)
    let together = max(1, (1 << 14) / columns)
    let scratch = WorkerScratch(together * columns, on: device)
    device.parallel((rows + together - 1) / together) { part, worker in
      let range = part * together..<min(rows, (part + 1) * together)
      weight.copy(range, into: scratch[worker])
      encoding.encode(scratch[worker], range.count * columns, into: memory.start + range.lowerBound * rowBytes)
    }
    self.encoding = encoding
    self.rows = rows
    self.columns = columns
    start = UnsafeRawPointer(memory.start)
    owner = memory
    packed = PackedFactorCache()
  }

  /// The first rows of another matrix, where they lie, with a cache of their own for what products make of them.
  init(_ matrix: EncodedMatrix, rows: Int, packed: PackedFactorCache) {
    precondition(rows > 0 && rows <= matrix.rows, "\(rows) of \(matrix.rows) rows")
    (encoding, self.rows, columns, start) = (matrix.encoding, rows, matrix.columns, matrix.start)
    owner = matrix
    self.packed = packed
  }

  /// Some of the rows as float32, one after another.
  func decode(_ range: Range<Int>, into floats: UnsafeMutablePointer<Float>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
    encoding.decode(
      start + range.lowerBound * encoding.rowBytes(columns: columns), range.count * columns, into: floats)
  }

  /// out = x[I] · wᵀ of the rows of w in `range`, or += where `adds`, of quantised blocks where they lie, with the bits
  /// of few rows of x. Returns false, having done nothing, where the weights are kept one by one.
  func multiplyRow(
    _ x: UnsafePointer<Float>, _ range: Range<Int>, into out: UnsafeMutablePointer<Float>, adds: Bool,
    vectors: limbeck_vectors
  ) -> Bool {
    guard case .blocks(let type) = encoding else { return false }
    type.multiplyRow(
      x, start + range.lowerBound * encoding.rowBytes(columns: columns), into: out, adds: adds, outputs: range.count,
      inputs: columns, vectors: vectors)
    return true
  }

  /// All weights as float32, in memory of `device`.
  func dense(on device: Device) -> Tensor {
    let out = Tensor(uninitialized: [rows, columns], on: device)
    decode(0..<rows, into: out.pointer, on: device)
    return out
  }

  /// Some of the rows as float32, by all workers of `device`.
  func decode(_ range: Range<Int>, into floats: UnsafeMutablePointer<Float>, on device: Device) {
    device.parallelRanges(range.count, grain: max(1, (1 << 18) / columns)) { part in
      decode(
        range.lowerBound + part.lowerBound..<range.lowerBound + part.upperBound,
        into: floats + part.lowerBound * columns)
    }
  }

  /// The rows with the given indices as float32: [indices, columns].
  func gatheringRows(_ indices: [Int32], on device: Device) -> Tensor {
    let out = Tensor(uninitialized: [indices.count, columns], on: device)
    for (row, index) in indices.enumerated() {
      precondition(index >= 0 && Int(index) < rows, "row \(index) of a matrix with \(rows) rows")
      decode(Int(index)..<Int(index) + 1, into: out.pointer + row * columns)
    }
    return out
  }

  /// This matrix, transposed, as a packed right factor, which is made once and then takes the place of the file's
  /// pages.
  func packedTransposed(on device: Device) -> PackedFactor {
    packed.factor(of: [rows, columns]) {
      PackedFactor(k: columns, n: rows, scratchCount: PackedFactor.panel * columns, on: device) { panel, scratch in
        decode(panel, into: scratch)
        return MatrixView(scratch, stride: columns).transposed
      }
    }
  }
}

/// Memory of its own. Invariant: `start` is valid for `count` bytes as long as this object lives.
private final class OwnBytes {
  let start: UnsafeMutableRawPointer

  init(count: Int) { start = .allocate(byteCount: count, alignment: 64) }
  deinit { start.deallocate() }
}
