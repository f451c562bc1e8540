/// A weight in the type in which a model keeps it: what `Tensor.linear` multiplies by.
///
/// A new kind is a case here, and its way into `WeightFactor`.
public enum WeightMatrix {
  /// Float32: trainable, or as a file has it. Vectors, too, such as biases, are of this kind.
  case dense(Tensor)
  /// 16 bits a weight, or quantised blocks, as they lie in a mapped file, or in memory; never trainable.
  case encoded(EncodedMatrix)

  /// The size of each dimension; of a matrix [O, I].
  public var shape: [Int] {
    switch self {
    case .dense(let tensor): tensor.shape
    case .encoded(let matrix): [matrix.rows, matrix.columns]
    }
  }

  /// The number of weights.
  public var count: Int { shape.reduce(1, *) }

  /// Whether nobody writes to the weights while this value lives, so that what products make of them is kept.
  public var isConstant: Bool {
    switch self {
    case .dense(let tensor): tensor.storage.isConstant
    case .encoded: true
    }
  }

  /// The same weights, to which nobody will write any more.
  public var constant: WeightMatrix {
    switch self {
    case .dense(let tensor): .dense(tensor.constant)
    case .encoded: self
    }
  }

  /// The weights as float32: those that are, as they lie; others converted, exactly, into memory of `device`.
  public func dense(on device: Device) -> Tensor {
    switch self {
    case .dense(let tensor): tensor.on(device)
    case .encoded(let matrix): matrix.dense(on: device)
    }
  }

  /// The rows of this table [V, C] with the given ids, times a scale → [N, C]: an embedding. Every id must lie in
  /// 0..<V.
  public func embedding(_ ids: [Int32], scaledBy scale: Float = 1, on device: Device) -> Tensor {
    switch self {
    case .dense(let tensor): tensor.on(device).embedding(ids, scaledBy: scale)
    case .encoded(let matrix): matrix.gatheringRows(ids, on: device).scaled(by: scale)
    }
  }

  /// The bytes that the weights take.
  public var byteCount: Int {
    switch self {
    case .dense(let tensor): tensor.count * MemoryLayout<Float>.size
    case .encoded(let matrix): matrix.rows * matrix.encoding.rowBytes(columns: matrix.columns)
    }
  }

  /// A weight of a matrix whose magnitude is above `limit`, or that is no number; nil where there is none.
  public func first(beyond limit: Float, on device: Device) -> Float? {
    let (rows, columns) = (shape[0], shape[1])
    let together = max(1, (1 << 16) / columns)
    let scratch = WorkerScratch(together * columns, on: device)
    for start in stride(from: 0, to: rows, by: together) {
      let range = start..<min(rows, start + together)
      copy(range, into: scratch[0])
      let values = UnsafeBufferPointer(start: scratch[0], count: range.count * columns)
      if let value = values.first(where: { !(abs($0) <= limit) }) { return value }
    }
    return nil
  }

  /// The same matrix kept in another way, each weight rounded as `encoding` says, which must be encodable. Nothing that
  /// is kept so already is converted.
  public func encoded(as encoding: MatrixEncoding, on device: Device) -> WeightMatrix {
    switch self {
    case .dense where encoding == .plain(.float32): return self
    case .encoded(let matrix) where matrix.encoding == encoding: return self
    case .dense, .encoded: break
    }
    if encoding == .plain(.float32) { return .dense(dense(on: device).constant) }
    return .encoded(EncodedMatrix(self, encoding: encoding, on: device))
  }

  /// Writes all weights as float32, row by row.
  func copy(into floats: UnsafeMutablePointer<Float>) {
    switch self {
    case .dense(let tensor): floats.update(from: tensor.pointer, count: tensor.count)
    case .encoded(let matrix): matrix.decode(0..<matrix.rows, into: floats)
    }
  }

  /// Writes some rows of a matrix as float32.
  func copy(_ range: Range<Int>, into floats: UnsafeMutablePointer<Float>) {
    switch self {
    case .dense(let tensor):
      floats.update(from: tensor.pointer + range.lowerBound * shape[1], count: range.count * shape[1])
    case .encoded(let matrix): matrix.decode(range, into: floats)
    }
  }

  /// The same weights, without gradients.
  var detached: WeightMatrix {
    switch self {
    case .dense(let tensor): .dense(tensor.detached)
    case .encoded: self
    }
  }

  /// What gradients flow to; nil where the weights have none.
  var node: Node? {
    switch self {
    case .dense(let tensor): tensor.node
    case .encoded: nil
    }
  }

  /// This matrix [n, k], transposed, as the right factor [k, n] of many products, packed on `device`. That of constant
  /// weights is kept for as long as they are: every step would pack it anew.
  func packedTransposed(on device: Device) -> PackedFactor {
    switch self {
    case .dense(let tensor): tensor.packedTransposed(on: device)
    case .encoded(let matrix): matrix.packedTransposed(on: device)
    }
  }
}
