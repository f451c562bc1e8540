public import DurableFiles
public import GGUF
public import TensorCore

/// The named tensors of a GGUF file: plain floats, and quantised blocks, which stay as they are where they are mapped.
public struct GGUFWeights: WeightSource {
  /// The file.
  public let file: GGUFFile

  /// All of a file's tensors.
  public init(_ file: GGUFFile) { self.file = file }

  public var path: String { file.path }
  public var files: [MappedFile] { [file.file] }
  public var names: [String] { file.tensors.map(\.name).sorted() }

  public func tensor(named name: String) throws(ModelFileError) -> SourceTensor {
    let tensor = try entry(name)
    return SourceTensor(
      name: name, shape: tensor.shape, type: tensor.type.name, isReadable: tensor.type.encoding != nil, file: path)
  }

  public func read(
    _ name: String, rows: [Range<Int>]?, into destination: inout MutableSpan<Float>
  ) throws(ModelFileError) {
    try mapped(name).read(rows: rows, into: &destination)
  }

  public func weights(
    _ name: String, rows: [Range<Int>]?, expecting shape: [Int], on device: Device
  ) throws(ModelFileError) -> WeightMatrix {
    try mapped(name).weights(rows: rows, expecting: shape, on: device)
  }

  public func areIdentical(_ first: String, _ second: String) throws(ModelFileError) -> Bool {
    guard try entry(first).type == entry(second).type else { return false }
    return try mapped(first).isIdentical(to: mapped(second))
  }

  private func entry(_ name: String) throws(ModelFileError) -> GGUFTensor {
    guard let tensor = file[name] else { throw .missingTensor(file: path, tensor: name) }
    return tensor
  }

  /// The tensor called `name`, to be read as weights. Throws `missingTensor` or `notWeights`.
  private func mapped(_ name: String) throws(ModelFileError) -> MappedTensor {
    let tensor = try entry(name)
    guard let encoding = tensor.type.encoding else {
      throw .notWeights(file: path, tensor: name, found: tensor.type.name, readable: GGUFTensorType.readableNames)
    }
    return MappedTensor(
      file: file.file, name: name, shape: tensor.shape, byteRange: tensor.byteRange, encoding: encoding,
      decode: encoding.decode)
  }
}
