import DurableFiles
public import Foundation
public import TensorCore

/// Writes a safetensors file, a tensor at a time, so that no second copy of a model is needed. The file appears whole
/// at `commit`, or not at all.
///
/// ```swift
/// let writer = try SafetensorsWriter(replacing: url, tensors: [("norm.weight", [64])], type: .bfloat16)
/// try writer.append(values.span, to: "norm.weight")
/// try writer.commit()
/// ```
public final class SafetensorsWriter: WeightSink {
  /// The element type of every tensor.
  public let type: WeightType
  private let file: AtomicFile
  private let tensors: [(name: String, count: Int)]
  /// The tensor that is being written, and how many of its values have been.
  private var position = 0
  private var written = 0
  private static let chunk = 1 << 16

  /// Begins a file at `destination` with `tensors` in this order. Names must be distinct, sizes non-negative.
  /// The default metadata is what transformers asks for to tell PyTorch's weights from other frameworks'.
  /// Throws `file`.
  public init(
    replacing destination: URL, tensors: [(name: String, shape: [Int])], type: WeightType = .float32,
    metadata: [String: String] = ["format": "pt"]
  ) throws(ModelFileError) {
    precondition(Set(tensors.map(\.name)).count == tensors.count, "two tensors have the same name")
    self.type = type
    self.tensors = tensors.map { ($0.name, $0.shape.reduce(1, *)) }
    file = try ModelFileError.wrapping { () throws(FileError) in try AtomicFile(replacing: destination) }
    let header = SafetensorsLayout.header(
      tensors.map { SafetensorsLayout(name: $0.name, type: TensorType(type), shape: $0.shape) }, metadata: metadata)
    try ModelFileError.wrapping { () throws(FileError) in try file.append(header) }
    skipEmptyTensors()
  }

  /// Appends values to the tensor called `name`, which must be the first unfinished one and have room for them; all at
  /// once or part by part. Rounds to nearest, ties to even. Throws `file`, after which the file is cancelled.
  public func append(_ values: Span<Float>, to name: String) throws(ModelFileError) {
    if values.isEmpty { return }
    precondition(position < tensors.count, "\(name) comes after the last tensor")
    let tensor = tensors[position]
    precondition(
      name == tensor.name && values.count <= tensor.count - written,
      "\(values.count) values for \(name), where \(tensor.name) has room for \(tensor.count - written)")
    if type == .float32 {
      try ModelFileError.wrapping { () throws(FileError) in try file.append(values.bytes) }
    } else {
      try appendHalves(values)
    }
    written += values.count
    if written == tensor.count {
      position += 1
      written = 0
      skipEmptyTensors()
    }
  }

  private func appendHalves(_ values: Span<Float>) throws(ModelFileError) {
    var start = 0
    while start < values.count {
      let part = values.extracting(start..<min(start + Self.chunk, values.count))
      var halves = [UInt16](repeating: 0, count: part.count)
      var span = halves.mutableSpan
      type.encode(part, into: &span)
      try ModelFileError.wrapping { () throws(FileError) in try file.append(halves.span.bytes) }
      start += part.count
    }
  }

  private func skipEmptyTensors() {
    while position < tensors.count, tensors[position].count == 0 { position += 1 }
  }

  /// Flushes the file and moves it into place. Every tensor must have been written whole. Throws `file`; what
  /// stood at the destination is then still there.
  public func commit() throws(ModelFileError) {
    precondition(
      position == tensors.count, "\(tensors[min(position, tensors.count - 1)].name) has not been written whole")
    try ModelFileError.wrapping { () throws(FileError) in try file.commit() }
  }

  /// Removes what was written; the destination stays as it was.
  public func cancel() { file.cancel() }
}
