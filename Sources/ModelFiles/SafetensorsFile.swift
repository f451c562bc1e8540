import Diagnostics
public import DurableFiles
public import Foundation
import TensorCore

/// One tensor of a safetensors file.
public struct SafetensorsEntry: Equatable, Sendable {
  /// The tensor's name.
  public let name: String
  /// The element type on disk.
  public let type: TensorType
  /// The shape; empty for a scalar.
  public let shape: [Int]
  /// Where the elements lie, in bytes from the start of the file. Row-major, little-endian.
  public let byteRange: Range<Int>

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }
}

/// A memory-mapped safetensors file, checked as a whole when it is opened: the header is strict JSON without duplicate
/// names, and the tensors cover the rest of the file without overlap or hole.
///
/// Format: <https://huggingface.co/docs/safetensors>. Eight bytes of little-endian header length, a JSON object of
/// `name: {dtype, shape, data_offsets}` with an optional `__metadata__` of strings, then the tensors' bytes.
public struct SafetensorsFile: Sendable {
  /// The mapped file.
  public let file: MappedFile
  /// The header's `__metadata__`.
  public let metadata: [String: String]
  /// The tensors in the order of their bytes.
  public let entries: [SafetensorsEntry]
  private let indices: [String: Int]

  /// The reference implementation's `MAX_HEADER_SIZE`.
  static let headerLimit = 100_000_000

  /// Maps and checks the file at `url`. Throws `file`; `headerTooLong`, `value`, `overlappingTensors` or `unusedBytes`
  /// where it is damaged.
  public init(contentsOf url: URL) throws(ModelFileError) {
    try self.init(ModelFileError.wrapping { () throws(FileError) in try MappedFile(contentsOf: url) })
  }

  init(_ file: MappedFile) throws(ModelFileError) {
    let length = try ModelFileError.wrapping { () throws(FileError) in
      try file.withSpan(of: UInt64.self, at: 0, count: 1) { UInt64(littleEndian: $0[0]) }
    }
    guard length <= UInt64(Self.headerLimit) else {
      throw .headerTooLong(file: file.path, byteCount: length, limit: Self.headerLimit)
    }
    let json = try ModelFileError.wrapping { () throws(FileError) in
      let text = try file.withSpan(of: UInt8.self, at: 8, count: Int(length)) { bytes in
        bytes.withUnsafeBufferPointer { Array($0) }
      }
      return try JSONValue(parsing: text, file: file.path)
    }
    guard case .object(var members) = json else {
      throw .file(.invalidJSON(file: file.path, byteOffset: 0, reason: "expected an object"))
    }
    metadata = try Self.metadata(members.removeValue(forKey: "__metadata__"), file: file.path)
    let header = SafetensorsHeader(file: file.path, dataStart: 8 + Int(length), fileSize: file.count)
    entries = try header.entries(members)
    indices = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
    self.file = file
  }

  private static func metadata(_ value: JSONValue?, file: String) throws(ModelFileError) -> [String: String] {
    guard let value else { return [:] }
    var result: [String: String] = [:]
    guard case .object(let members) = value else {
      throw .value(
        InvalidValue(file, "__metadata__", expected: "an object of strings", found: value.description))
    }
    for (key, member) in members {
      guard case .string(let text) = member else {
        throw .value(
          InvalidValue("\(file): __metadata__", key, expected: "a string", found: member.description))
      }
      result[key] = text
    }
    return result
  }

  /// The path, as errors name it.
  public var path: String { file.path }

  /// The tensors' names in the order of their bytes.
  public var names: [String] { entries.map(\.name) }

  /// The tensor called `name`, or `nil`.
  public subscript(name: String) -> SafetensorsEntry? { indices[name].map { entries[$0] } }

  /// The tensor called `name`. Throws `missingTensor`.
  public func entry(_ name: String) throws(ModelFileError) -> SafetensorsEntry {
    guard let entry = self[name] else { throw .missingTensor(file: path, tensor: name) }
    return entry
  }

  /// Calls `body` with the tensor's bytes as they are on disk. `entry` must be one of this file's.
  public func withBytes<Result: ~Copyable, Failure: Error>(
    of entry: SafetensorsEntry, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(self[entry.name] == entry, "\(entry.name) is not of \(path)")
    return try file.withBytes { (bytes) throws(Failure) in
      try body(bytes.extracting(entry.byteRange))
    }
  }

  /// Converts the tensor called `name` to float32. `destination` must have as many elements as the tensor. Throws
  /// `missingTensor`, or `notWeights` where the type is neither F32, F16 nor BF16.
  public func read(_ name: String, into destination: inout MutableSpan<Float>) throws(ModelFileError) {
    let entry = try entry(name)
    let type = try weightType(of: entry)
    precondition(
      destination.count == entry.count, "\(destination.count) floats for \(name) of shape \(entry.shape)")
    withBytes(of: entry) { type.decode($0, into: &destination) }
  }

  /// The tensor called `name` as float32, row-major. Throws like `read(_:into:)`.
  public func floats(_ name: String) throws(ModelFileError) -> [Float] {
    var floats = [Float](repeating: 0, count: try entry(name).count)
    var span = floats.mutableSpan
    try read(name, into: &span)
    return floats
  }

  func weightType(of entry: SafetensorsEntry) throws(ModelFileError) -> WeightType {
    guard let type = entry.type.weightType else {
      throw .notWeights(file: path, tensor: entry.name, found: entry.type.rawValue)
    }
    return type
  }
}
