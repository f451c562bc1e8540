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

  /// Where the given rows lie, range by range, or all of them. The type must be one that is read as weights: of whole
  /// bytes.
  func bytes(ofRows rows: [Range<Int>]?) -> [Range<Int>] {
    guard let rows else { return [byteRange] }
    let rowBytes = shape.dropFirst().reduce(type.bitCount / 8, *)
    return rows.map { range in
      precondition(range.upperBound <= shape.first ?? 0, "rows \(range) of \(name), shape \(shape)")
      let start = byteRange.lowerBound + range.lowerBound * rowBytes
      return start..<start + range.count * rowBytes
    }
  }
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

  /// Calls `body` with the tensor's bytes as they are on disk. `entry` must be one of this file's.
  public func withBytes<Result: ~Copyable, Failure: Error>(
    of entry: SafetensorsEntry, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(self[entry.name] == entry, "\(entry.name) is not of \(path)")
    return try file.withBytes { (bytes) throws(Failure) in
      try body(bytes.extracting(entry.byteRange))
    }
  }

  /// Converts rows of the tensor called `name` to float32, one range after another, or all of them where `rows` is nil.
  /// `destination` must have as many elements. Throws `missingTensor`, or `notWeights` where the type is none of
  /// floats.
  public func read(
    _ name: String, rows: [Range<Int>]? = nil, into destination: inout MutableSpan<Float>
  ) throws(ModelFileError) {
    let entry = try entry(name)
    try requireReadable(entry)
    let ranges = entry.bytes(ofRows: rows)
    let size = entry.type.bitCount / 8
    precondition(
      destination.count * size == ranges.reduce(0) { $0 + $1.count },
      "\(destination.count) floats for \(name) of shape \(entry.shape)")
    destination.withUnsafeMutableBufferPointer { values in
      var start = 0
      for bytes in ranges {
        let end = start + bytes.count / size
        var part = UnsafeMutableBufferPointer(rebasing: values[start..<end]).mutableSpan
        file.withBytes { entry.type.decode($0.extracting(bytes), into: &part) }
        start = end
      }
    }
  }

  /// The tensor called `name` as float32, row-major. Throws like `read(_:rows:into:)`.
  public func floats(_ name: String) throws(ModelFileError) -> [Float] {
    var floats = [Float](repeating: 0, count: try entry(name).count)
    var span = floats.mutableSpan
    try read(name, into: &span)
    return floats
  }

  /// Rows of the tensor called `name`, one range after another, or the tensor as a whole, as a weight. Values that lie
  /// together, and are float32 and aligned or a matrix of 16 bits a value, are used where they are mapped: they are
  /// read-only, cost no memory of the process's own, and keep the mapping alive. A matrix of 16 bits a value whose rows
  /// lie apart is copied once, as it is; others are converted to float32 once. Throws `missingTensor`, `wrongShape`
  /// where they have not the shape expected, `notWeights`.
  public func weights(
    _ name: String, rows: [Range<Int>]? = nil, expecting shape: [Int], on device: Device
  ) throws(ModelFileError) -> WeightMatrix {
    let entry = try entry(name)
    guard rows.map({ [$0.reduce(0) { $0 + $1.count }] + entry.shape.dropFirst() }) ?? entry.shape == shape,
      rows?.allSatisfy({ $0.upperBound <= entry.shape.first ?? 0 }) ?? true
    else { throw .wrongShape(file: path, tensor: name, expected: shape, found: entry.shape) }
    try requireReadable(entry)
    let bytes = entry.bytes(ofRows: rows)
    let (type, isEmpty) = (entry.type.weightType, shape.contains(0))
    let alignment = MemoryLayout<Float>.alignment
    if !isEmpty, type == .float32, bytes.count == 1, bytes[0].lowerBound.isMultiple(of: alignment) {
      let (start, count) = (bytes[0].lowerBound, bytes[0].count / MemoryLayout<Float>.size)
      let values = try ModelFileError.wrapping { () throws(FileError) in
        try file.elements(of: Float.self, at: start, count: count)
      }
      return .dense(Tensor(mapping: values, shape: shape, on: device))
    }
    if !isEmpty, let type, type != .float32, shape.count == 2 {
      return .mapped(MappedMatrix(try together(bytes), encoding: .plain(type), rows: shape[0], columns: shape[1]))
    }
    let tensor = Tensor.zeros(shape, on: device)
    try tensor.withMutableSpan { (values) throws(ModelFileError) in try read(name, rows: rows, into: &values) }
    return .dense(tensor.constant)
  }

  /// The bytes of some ranges, one after another: of a single one where they are mapped, else a copy.
  private func together(_ ranges: [Range<Int>]) throws(ModelFileError) -> MappedElements<UInt8> {
    try ModelFileError.wrapping { () throws(FileError) in
      if ranges.count == 1 {
        return try file.elements(of: UInt8.self, at: ranges[0].lowerBound, count: ranges[0].count)
      }
      let copy = try file.gathering(ranges)
      return try copy.elements(of: UInt8.self, at: 0, count: copy.count)
    }
  }

  private func requireReadable(_ entry: SafetensorsEntry) throws(ModelFileError) {
    guard entry.type.isReadable else {
      throw .notWeights(file: path, tensor: entry.name, found: entry.type.rawValue)
    }
  }
}
