public import DurableFiles
public import TensorCore

/// Where a model's weights are read from: named tensors, be they of one file or of several.
public protocol WeightSource: Sendable {
  /// Where the tensors come from, as errors about all of them name it.
  var path: String { get }
  /// The mapped files, in a fixed order.
  var files: [MappedFile] { get }
  /// The tensors' names, sorted.
  var names: [String] { get }
  /// The tensor called `name`. Throws `missingTensor`.
  func tensor(named name: String) throws(ModelFileError) -> SourceTensor
  /// Converts rows of a tensor to float32, one range after another, or all of them where `rows` is nil. `destination`
  /// must have as many elements. Throws `missingTensor` or `notWeights`.
  func read(_ name: String, rows: [Range<Int>]?, into destination: inout MutableSpan<Float>) throws(ModelFileError)
  /// Rows of a tensor, one range after another, or the tensor as a whole, as a parameter of a frozen decoder holds
  /// them: in the file itself where they lie together and products take them as they are there, else copied or
  /// converted once. Throws `missingTensor`; `wrongShape` where they have not the shape expected; `notWeights`.
  func weights(
    _ name: String, rows: [Range<Int>]?, expecting shape: [Int], on device: Device
  ) throws(ModelFileError) -> WeightMatrix
  /// Whether two tensors have the same type, shape and bytes. Throws `missingTensor`.
  func areIdentical(_ first: String, _ second: String) throws(ModelFileError) -> Bool
}

/// A tensor of a `WeightSource`.
public struct SourceTensor: Equatable, Sendable {
  /// Its name.
  public let name: String
  /// The size of each dimension; empty for a scalar.
  public let shape: [Int]
  /// Its type, as the file's format calls it.
  public let type: String
  /// Whether Limbeck reads the type as weights.
  public let isReadable: Bool
  /// The file that holds it.
  public let file: String
}

extension WeightSource {
  /// The tensor called `name` as float32, row-major. Throws `missingTensor` or `notWeights`.
  public func floats(_ name: String) throws(ModelFileError) -> [Float] {
    var floats = [Float](repeating: 0, count: try tensor(named: name).shape.reduce(1, *))
    var span = floats.mutableSpan
    try read(name, rows: nil, into: &span)
    return floats
  }
}

/// Where a model's weights are written to: tensors in a fixed order.
public protocol WeightSink {
  /// Appends values to the tensor called `name`, which must be the first unfinished one and have room for them; all at
  /// once or part by part. Throws `file`.
  func append(_ values: Span<Float>, to name: String) throws(ModelFileError)
  /// Makes what was written visible. Every tensor must have been written whole. Throws `file`.
  func commit() throws(ModelFileError)
}
