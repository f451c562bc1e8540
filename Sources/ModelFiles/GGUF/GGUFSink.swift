import Diagnostics
import Foundation
import GGUF
import TensorCore

/// Where weights are written into a GGUF file: each tensor in its own type, a few rows at a time.
final class GGUFSink: WeightSink {
  private let writer: GGUFWriter
  private let device: Device
  private let file: String
  private var tensors: ArraySlice<GGUFWriter.Tensor>
  /// Values of the first of the tensors that are not encoded yet, and how many of it are.
  private var pending: [Float] = []
  private var encoded = 0

  /// So many values are encoded together, about.
  private static let part = 1 << 20

  /// Begins a file. Tensors must be of types that can be written.
  /// - Parameters:
  ///   - destination: where it appears.
  ///   - metadata: keys and values.
  ///   - tensors: in the order in which they are written.
  ///   - device: what encodes.
  /// - Throws: `file`.
  init(
    replacing destination: URL, metadata: [(key: String, value: GGUFWrittenValue)], tensors: [GGUFWriter.Tensor],
    on device: Device
  ) throws(ModelFileError) {
    writer = try ModelFileError.wrapping { () throws(GGUFError) in
      try GGUFWriter(replacing: destination, metadata: metadata, tensors: tensors)
    }
    file = destination.path
    self.device = device
    self.tensors = tensors[...]
  }

  func append(_ values: Span<Float>, to name: String) throws(ModelFileError) {
    guard let tensor = tensors.first else { preconditionFailure("\(name) comes after the last tensor") }
    let count = tensor.shape.reduce(1, *)
    // rows of matrices come whole, and so do blocks
    precondition(
      name == tensor.name && values.count <= count - encoded - pending.count
        && (tensor.shape.count < 2 || values.count.isMultiple(of: tensor.shape[1])),
      "\(values.count) values for \(name), where \(tensor.name) lacks \(count - encoded - pending.count)")
    values.withUnsafeBufferPointer { pending.append(contentsOf: $0) }
    guard pending.count >= Self.part || encoded + pending.count == count else { return }
    try encode(tensor)
    guard encoded == count else { return }
    tensors = tensors.dropFirst()
    encoded = 0
  }

  private func encode(_ tensor: GGUFWriter.Tensor) throws(ModelFileError) {
    let encoding = tensor.type.writtenEncoding
    if let largest = encoding.largest, let value = pending.first(where: { !(abs($0) <= largest) }) {
      throw .value(
        InvalidValue(
          file, "tensor \(tensor.name)", expected: "weights from -\(largest) to \(largest)",
          found: "\(value)", advice: "\(tensor.type.name) holds no others; write the file as bf16 or f32"))
    }
    let bytes = encoding.encode(pending, on: device)
    try ModelFileError.wrapping { () throws(GGUFError) in try writer.append(bytes.span.bytes, to: tensor.name) }
    encoded += pending.count
    pending.removeAll(keepingCapacity: true)
  }

  func commit() throws(ModelFileError) {
    try ModelFileError.wrapping { () throws(GGUFError) in try writer.commit() }
  }
}
