import Diagnostics
public import DurableFiles
public import Foundation
public import TensorCore

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

  /// Maps and checks the file at `url`. Throws `file`, also for a pointer of git-lfs; `headerTooLong`, `value`,
  /// `overlappingTensors` or `unusedBytes` where it is damaged.
  public init(contentsOf url: URL) throws(ModelFileError) {
    try self.init(
      ModelFileError.wrapping { () throws(FileError) in
        let file = try MappedFile(contentsOf: url)
        try file.requireNoPointer()
        return file
      })
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
    // the reference implementation reads null as none (safetensors 0.8)
    guard let value, value != .null else { return [:] }
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

  /// Converts rows of the tensor called `name` to float32, one range after another, or all of them where `rows` is nil.
  /// `destination` must have as many elements. Throws `missingTensor`, or `notWeights` where the type is none of
  /// floats.
  public func read(
    _ name: String, rows: [Range<Int>]? = nil, into destination: inout MutableSpan<Float>
  ) throws(ModelFileError) {
    try mapped(name).read(rows: rows, into: &destination)
  }

  /// The tensor called `name` as float32, row-major. Throws like `read(_:rows:into:)`.
  public func floats(_ name: String) throws(ModelFileError) -> [Float] {
    var floats = [Float](repeating: 0, count: try entry(name).count)
    var span = floats.mutableSpan
    try read(name, into: &span)
    return floats
  }

  /// Rows of the tensor called `name`, one range after another, or the tensor as a whole, as a weight: see
  /// `MappedTensor.weights`. Throws `missingTensor`, `wrongShape` where they have not the shape expected, `notWeights`.
  public func weights(
    _ name: String, rows: [Range<Int>]? = nil, expecting shape: [Int], on device: Device
  ) throws(ModelFileError) -> WeightMatrix {
    try mapped(name).weights(rows: rows, expecting: shape, on: device)
  }

  /// The tensor called `name`, to be read as weights. Throws `missingTensor` or `notWeights`.
  func mapped(_ name: String) throws(ModelFileError) -> MappedTensor {
    let entry = try entry(name)
    guard entry.type.isReadable else { throw .notWeights(file: path, tensor: name, found: entry.type.rawValue) }
    return MappedTensor(
      file: file, name: name, shape: entry.shape, byteRange: entry.byteRange,
      encoding: entry.type.weightType.map { .plain($0) }, decode: entry.type.decode)
  }
}
