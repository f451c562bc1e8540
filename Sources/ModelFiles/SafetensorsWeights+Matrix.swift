import DurableFiles
public import TensorCore

extension SafetensorsFile {
  /// The tensor called `name`, as a weight. Values that are float32 on disk, aligned, and matrices of 16 bits a value are
  /// used where they are mapped: they are read-only, cost no memory of the process's own, and keep the mapping alive. Others
  /// are converted to float32 once. Throws `missingTensor`, `wrongShape` where the tensor has not the shape expected, or
  /// `notWeights`.
  public func weight(
    _ name: String, expecting shape: [Int], on device: Device
  ) throws(ModelFileError) -> WeightMatrix {
    let entry = try entry(name)
    guard entry.shape == shape else {
      throw .wrongShape(file: path, tensor: name, expected: shape, found: entry.shape)
    }
    let (type, start) = (try weightType(of: entry), entry.byteRange.lowerBound)
    if entry.count > 0, type == .float32, start.isMultiple(of: MemoryLayout<Float>.alignment) {
      let values = try mapped(Float.self, at: start, count: entry.count)
      return .dense(Tensor(mapping: values, shape: shape, on: device))
    }
    if entry.count > 0, type != .float32, shape.count == 2 {
      let bytes = try mapped(UInt8.self, at: start, count: entry.byteRange.count)
      return .mapped(MappedMatrix(bytes, type: type, rows: shape[0], columns: shape[1]))
    }
    let tensor = Tensor.zeros(shape, on: device)
    try tensor.withMutableSpan { (values) throws(ModelFileError) in try read(name, into: &values) }
    return .dense(tensor.constant)
  }

  private func mapped<Element: MappableElement>(
    _ type: Element.Type, at offset: Int, count: Int
  ) throws(ModelFileError) -> MappedElements<Element> {
    try ModelFileError.wrapping { () throws(FileError) in try file.elements(of: type, at: offset, count: count) }
  }
}

extension SafetensorsWeights {
  /// The tensor called `name`, as a weight; mapped or converted as `SafetensorsFile.weight(_:expecting:on:)` does. Throws
  /// `missingTensor`, `wrongShape` or `notWeights`.
  public func weight(
    _ name: String, expecting shape: [Int], on device: Device
  ) throws(ModelFileError) -> WeightMatrix {
    try file(of: name).weight(name, expecting: shape, on: device)
  }
}
