import DurableFiles
public import TensorCore

extension SafetensorsFile {
  /// The tensor called `name`, of float32. Values that are float32 on disk, aligned, are used where they are mapped: they
  /// are read-only, cost no memory of the process's own, and keep the mapping alive. Others are converted once.
  /// Throws `missingTensor`, `wrongShape` where the tensor has not the shape expected, or `notWeights`.
  public func tensor(
    _ name: String, expecting shape: [Int], on device: Device
  ) throws(ModelFileError) -> Tensor {
    let entry = try entry(name)
    guard entry.shape == shape else {
      throw .wrongShape(file: path, tensor: name, expected: shape, found: entry.shape)
    }
    if entry.type == .float32, entry.count > 0, let start = file.unsafeBaseAddress,
      entry.byteRange.lowerBound.isMultiple(of: MemoryLayout<Float>.alignment)
    {
      return Tensor(borrowing: start + entry.byteRange.lowerBound, shape: shape, owner: file, on: device)
    }
    let tensor = Tensor.zeros(shape, on: device)
    try tensor.withMutableSpan { (values) throws(ModelFileError) in try read(name, into: &values) }
    return tensor.constant
  }
}

extension SafetensorsWeights {
  /// The tensor called `name`, of float32; mapped or converted as `SafetensorsFile.tensor(_:expecting:on:)` does. Throws
  /// `missingTensor`, `wrongShape` or `notWeights`.
  public func tensor(
    _ name: String, expecting shape: [Int], on device: Device
  ) throws(ModelFileError) -> Tensor {
    try file(of: name).tensor(name, expecting: shape, on: device)
  }
}
