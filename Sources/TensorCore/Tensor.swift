public import DurableFiles

/// A dense, contiguous, row-major array of float32.
///
/// A tensor is a value on shared, never rewritten memory: operations return new tensors. One made from a trainable
/// `Parameter` remembers how it was computed, and `backward(from:)` carries a gradient back along that way. Tensors
/// belong to the loop that made them and are not `Sendable`.
public struct Tensor {
  /// The size of each dimension, outermost first.
  public let shape: [Int]
  /// Where the tensor is computed.
  public let device: Device
  private(set) var storage: Storage
  /// How this tensor came about; nil where no gradient is wanted.
  let node: Node?

  /// The number of elements.
  public var count: Int { storage.count }
  /// The size of the last dimension.
  public var columns: Int { shape.last ?? 1 }
  /// The number of rows of `columns` elements.
  public var rows: Int { columns == 0 ? 0 : count / columns }
  /// Whether `backward(from:)` reaches a trainable parameter from here.
  public var recordsGradient: Bool { node != nil }

  var pointer: UnsafeMutablePointer<Float> { storage.pointer }

  /// Whether this value alone has its memory, which then may be written over once the value is used up.
  var ownsItsMemory: Bool {
    mutating get { isKnownUniquelyReferenced(&storage) && storage.isPooled }
  }

  init(shape: [Int], storage: Storage, device: Device, node: Node? = nil) {
    precondition(shape.reduce(1, *) == storage.count, "shape \(shape) does not fit \(storage.count) elements")
    self.shape = shape
    self.storage = storage
    self.device = device
    self.node = node
  }

  /// Memory with unspecified contents, to be overwritten by the operation that asks for it: all elements, or the first
  /// `written`.
  init(uninitialized shape: [Int], written: Int? = nil, on device: Device) {
    let storage = Storage(count: shape.reduce(1, *), written: written, pool: device.storagePool)
    self.init(shape: shape, storage: storage, device: device)
  }

  /// A tensor of the given values.
  /// - Parameters:
  ///   - values: the elements, row by row; as many as the shape says.
  ///   - shape: the size of each dimension.
  ///   - device: where the tensor lives.
  public init(_ values: [Float], shape: [Int], on device: Device) {
    precondition(values.count == shape.reduce(1, *), "\(values.count) values do not fill shape \(shape)")
    self.init(uninitialized: shape, on: device)
    values.withUnsafeBufferPointer { source in
      if let base = source.baseAddress { pointer.update(from: base, count: values.count) }
    }
  }

  /// A tensor of zeros of the given shape.
  public static func zeros(_ shape: [Int], on device: Device) -> Tensor {
    let tensor = Tensor(uninitialized: shape, on: device)
    if device.computes { tensor.pointer.update(repeating: 0, count: tensor.count) }
    return tensor
  }

  /// A read-only view of float32 values where they are mapped.
  /// - Parameters:
  ///   - values: as many as the shape says, at least one.
  ///   - shape: the size of each dimension.
  ///   - device: where the tensor is computed with.
  public init(mapping values: MappedElements<Float>, shape: [Int], on device: Device) {
    precondition(values.count == shape.reduce(1, *), "\(values.count) values do not fill shape \(shape)")
    guard let start = values.unsafeStart else { preconditionFailure("a tensor of an empty file") }
    let storage = Storage(
      viewing: UnsafeMutablePointer(mutating: start), count: values.count, owner: values.file,
      packedFactors: PackedFactorCache { values.releasePages() })
    self.init(shape: shape, storage: storage, device: device)
  }

  /// The same elements, in memory that nobody will write to any more, such as a teacher's weights: what products make
  /// of them is kept.
  public var constant: Tensor {
    if storage.isConstant { return detached }
    let constant = Storage(viewing: pointer, count: count, owner: storage, packedFactors: PackedFactorCache())
    return Tensor(shape: shape, storage: constant, device: device)
  }

  /// The elements, row by row.
  public func array() -> [Float] {
    Array(UnsafeBufferPointer(start: pointer, count: count))
  }

  /// Reads the elements in place.
  public func withSpan<Result, Failure: Error>(
    _ body: (Span<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeBufferPointer(start: pointer, count: count).span)
  }

  /// Writes the elements in place: for whoever fills a tensor before anything is computed from it.
  public func withMutableSpan<Result, Failure: Error>(
    _ body: (inout MutableSpan<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var span = UnsafeMutableBufferPointer(start: pointer, count: count).mutableSpan
    return try body(&span)
  }

  /// The same elements under another shape of the same count.
  public func reshaped(_ shape: [Int]) -> Tensor {
    Tensor(shape: shape, storage: storage, device: device, node: node)
  }

  /// The same values, cut off from how they were computed.
  public var detached: Tensor { Tensor(shape: shape, storage: storage, device: device) }

  /// The rows with the given indices, gathered into a new tensor [indices, columns]; no gradient flows through it.
  public func gatheringRows(_ indices: [Int32]) -> Tensor {
    let out = Tensor(uninitialized: [indices.count, columns], on: device)
    for (row, index) in indices.enumerated() {
      precondition(index >= 0 && Int(index) < rows, "row \(index) of a tensor with \(rows) rows")
      (out.pointer + row * columns).update(from: pointer + Int(index) * columns, count: columns)
    }
    return out
  }
}
