/// A weight in the type in which a model keeps it: what `Tensor.linear` multiplies by.
///
/// A new kind is a case here, and its way into `WeightFactor`.
public enum WeightMatrix {
  /// Float32: trainable, or as a file has it. Vectors, too, such as biases, are of this kind.
  case dense(Tensor)
  /// 16 bits a weight, or quantised blocks, as they lie in a mapped file; never trainable.
  case mapped(MappedMatrix)

  /// The size of each dimension; of a matrix [O, I].
  public var shape: [Int] {
    switch self {
    case .dense(let tensor): tensor.shape
    case .mapped(let matrix): [matrix.rows, matrix.columns]
    }
  }

  /// The number of weights.
  public var count: Int { shape.reduce(1, *) }

  /// Whether nobody writes to the weights while this value lives, so that what products make of them is kept.
  public var isConstant: Bool {
    switch self {
    case .dense(let tensor): tensor.storage.isConstant
    case .mapped: true
    }
  }

  /// The same weights, to which nobody will write any more.
  public var constant: WeightMatrix {
    switch self {
    case .dense(let tensor): .dense(tensor.constant)
    case .mapped: self
    }
  }

  /// The weights as float32: those that are, as they lie; others converted, exactly, into memory of `device`.
  public func dense(on device: Device) -> Tensor {
    switch self {
    case .dense(let tensor): tensor.on(device)
    case .mapped(let matrix): matrix.dense(on: device)
    }
  }

  /// The rows of this table [V, C] with the given ids, times a scale → [N, C]: an embedding. Every id must lie in
  /// 0..<V.
  public func embedding(_ ids: [Int32], scaledBy scale: Float = 1, on device: Device) -> Tensor {
    switch self {
    case .dense(let tensor): tensor.on(device).embedding(ids, scaledBy: scale)
    case .mapped(let matrix): matrix.gatheringRows(ids, on: device).scaled(by: scale)
    }
  }

  /// Writes all weights as float32, row by row.
  func copy(into floats: UnsafeMutablePointer<Float>) {
    switch self {
    case .dense(let tensor): floats.update(from: tensor.pointer, count: tensor.count)
    case .mapped(let matrix): matrix.decode(0..<matrix.rows, into: floats)
    }
  }

  /// The same weights, without gradients.
  var detached: WeightMatrix {
    switch self {
    case .dense(let tensor): .dense(tensor.detached)
    case .mapped: self
    }
  }

  /// What gradients flow to; nil where the weights have none.
  var node: Node? {
    switch self {
    case .dense(let tensor): tensor.node
    case .mapped: nil
    }
  }

  /// This matrix [n, k], transposed, as the right factor [k, n] of many products, packed on `device`. That of constant
  /// weights is kept for as long as they are: every step would pack it anew.
  func packedTransposed(on device: Device) -> PackedFactor {
    switch self {
    case .dense(let tensor): tensor.packedTransposed(on: device)
    case .mapped(let matrix): matrix.packedTransposed(on: device)
    }
  }
}
