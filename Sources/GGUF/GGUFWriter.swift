import DurableFiles
public import Foundation

/// Writes a GGUF file of version 3, a tensor at a time. The file appears whole at `commit`, or not at all.
///
/// ```swift
/// let writer = try GGUFWriter(
///   replacing: url, metadata: [("general.architecture", .string("llama"))],
///   tensors: [.init(name: "output_norm.weight", type: .f32, shape: [64])])
/// try writer.append(values.span.bytes, to: "output_norm.weight")
/// try writer.commit()
/// ```
public final class GGUFWriter {
  /// A tensor that is to be written.
  public struct Tensor: Equatable, Sendable {
    /// Its name, at most 63 bytes.
    public let name: String
    /// How its elements are kept.
    public let type: GGUFTensorType
    /// The size of each dimension, rows first; 1 to 4 of them, all above 0.
    public let shape: [Int]

    /// A tensor, as the properties say. The length of a row must be a multiple of the type's blocks.
    public init(name: String, type: GGUFTensorType, shape: [Int]) {
      precondition((1...4).contains(shape.count) && shape.allSatisfy { $0 > 0 }, "\(name) of shape \(shape)")
      precondition(shape[shape.count - 1].isMultiple(of: type.blockLength), "rows of \(shape) as \(type.name)")
      precondition((1...63).contains(name.utf8.count), "a tensor called \(name)")
      (self.name, self.type, self.shape) = (name, type, shape)
    }

    /// The size of its elements in bytes.
    public var byteCount: Int { shape.reduce(1, *) / type.blockLength * type.blockBytes }
  }

  /// What the format takes for granted (`GGUF_DEFAULT_ALIGNMENT`).
  public static let usualAlignment = 32
  private static let alignmentKey = "general.alignment"

  private let file: AtomicFile
  private let tensors: [Tensor]
  private let alignment: Int
  /// The tensor that is being written, and how many of its bytes have been.
  private var position = 0
  private var written = 0

  /// Begins a file at `destination`.
  /// - Parameters:
  ///   - destination: where it appears; its folder must exist.
  ///   - metadata: keys and values in the file's order; keys are distinct. `general.alignment` is added where need be.
  ///   - tensors: in the order in which they are written; names are distinct.
  ///   - alignment: what each tensor's place is a multiple of, a power of two.
  /// - Throws: `file`.
  public init(
    replacing destination: URL, metadata: [(key: String, value: GGUFWrittenValue)], tensors: [Tensor],
    alignment: Int = usualAlignment
  ) throws(GGUFError) {
    precondition(Set(tensors.map(\.name)).count == tensors.count, "two tensors have the same name")
    precondition(Set(metadata.map(\.key)).count == metadata.count, "two values have the same key")
    precondition(alignment > 0 && alignment.nonzeroBitCount == 1, "an alignment of \(alignment)")
    (self.tensors, self.alignment) = (tensors, alignment)
    file = try GGUFError.wrapping { () throws(FileError) in try AtomicFile(replacing: destination) }
    var metadata = metadata.filter { $0.key != Self.alignmentKey }
    if alignment != Self.usualAlignment { metadata.append((Self.alignmentKey, .uint32(UInt32(alignment)))) }
    let header = Self.header(metadata, tensors, alignment)
    try GGUFError.wrapping { () throws(FileError) in try file.append(header) }
  }

  private static func header(
    _ metadata: [(key: String, value: GGUFWrittenValue)], _ tensors: [Tensor], _ alignment: Int
  ) -> [UInt8] {
    var header = GGUFBytes()
    header.add(0x4655_4747 as UInt32)
    header.add(3 as UInt32)
    header.add(UInt64(tensors.count))
    header.add(UInt64(metadata.count))
    for (key, value) in metadata {
      header.add(key.utf8)
      header.add(value)
    }
    var offset = 0
    for tensor in tensors {
      header.add(tensor.name.utf8)
      header.add(UInt32(tensor.shape.count))
      for size in tensor.shape.reversed() { header.add(UInt64(size)) }
      header.add(tensor.type.rawValue)
      header.add(UInt64(offset))
      offset = (offset + tensor.byteCount + alignment - 1) / alignment * alignment
    }
    header.align(to: alignment)
    return header.bytes
  }

  /// Appends bytes of the tensor called `name`, which must be the first unfinished one and lack as many; all at once
  /// or part by part. Throws `file`, after which the file is cancelled.
  public func append(_ bytes: RawSpan, to name: String) throws(GGUFError) {
    precondition(position < tensors.count, "\(name) comes after the last tensor")
    let tensor = tensors[position]
    precondition(
      name == tensor.name && bytes.byteCount <= tensor.byteCount - written,
      "\(bytes.byteCount) bytes for \(name), where \(tensor.name) lacks \(tensor.byteCount - written)")
    try GGUFError.wrapping { () throws(FileError) in try file.append(bytes) }
    written += bytes.byteCount
    guard written == tensor.byteCount else { return }
    position += 1
    written = 0
    let gap = (alignment - file.count % alignment) % alignment
    try GGUFError.wrapping { () throws(FileError) in try file.append([UInt8](repeating: 0, count: gap)) }
  }

  /// Flushes the file and moves it into place. Every tensor must have been written whole. Throws `file`; what stood at
  /// the destination is then still there.
  public func commit() throws(GGUFError) {
    precondition(
      position == tensors.count, "\(tensors[min(position, tensors.count - 1)].name) has not been written whole")
    try GGUFError.wrapping { () throws(FileError) in try file.commit() }
  }
}
