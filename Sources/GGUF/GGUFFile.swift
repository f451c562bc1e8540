import Diagnostics
public import DurableFiles
public import Foundation

/// One tensor of a GGUF file.
public struct GGUFTensor: Equatable, Sendable {
  /// Its name.
  public let name: String
  /// How its elements are kept.
  public let type: GGUFTensorType
  /// The size of each dimension, rows first: `[outputs, inputs]` of a matrix. (The file has them the other way round.)
  public let shape: [Int]
  /// Where it lies, in bytes from the start of the file.
  public let byteRange: Range<Int>
}

/// A memory-mapped GGUF file of version 2 or 3, checked as a whole when it is opened: metadata, and tensors that follow
/// one another without overlap or hole.
///
/// Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>. What gguf.cpp refuses is refused.
public struct GGUFFile: Sendable {
  /// The mapped file.
  public let file: MappedFile
  /// The format's version.
  public let version: Int
  /// What each tensor's place is a multiple of, in bytes from the first one's.
  public let alignment: Int
  /// Names and values.
  public let metadata: GGUFMetadata
  /// The tensors in the order of the header, which is that of their bytes.
  public let tensors: [GGUFTensor]
  private let indices: [String: Int]

  /// The path, as errors name it.
  public var path: String { file.path }

  /// The tensor called `name`; nil where there is none.
  public subscript(name: String) -> GGUFTensor? { indices[name].map { tensors[$0] } }

  /// Maps and checks the file at `url`, in memory that is bounded by its size. Throws what is wrong with it.
  public init(contentsOf url: URL) throws(GGUFError) {
    let file = try GGUFError.wrapping { () throws(FileError) in
      let file = try MappedFile(contentsOf: url)
      try file.requireNoPointer()
      return file
    }
    var header = GGUFHeader(file)
    version = try header.version()
    let (tensorCount, valueCount) = (try header.tensorCount(), try header.valueCount())
    let metadata = try header.metadata(count: valueCount)
    alignment = try header.alignment(metadata)
    var table = GGUFTensorTable(header.reader, alignment: alignment)
    let tensors = try table.tensors(count: tensorCount)
    indices = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
    self.metadata = metadata
    self.tensors = tensors
    self.file = file
  }
}
