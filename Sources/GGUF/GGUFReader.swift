import Diagnostics
import DurableFiles

/// A place in a GGUF file that moves on as fields are read. No field is believed before it is known to lie in the file.
struct GGUFReader {
  let file: MappedFile
  private(set) var offset: Int

  init(_ file: MappedFile, at offset: Int) {
    self.file = file
    self.offset = offset
  }

  /// The bytes from here to the end.
  var remaining: Int { file.count - offset }

  /// The next integer or float, little-endian. Throws `pastEnd`.
  mutating func next<Value: BitwiseCopyable>(_ type: Value.Type) throws(GGUFError) -> Value {
    try require(MemoryLayout<Value>.size)
    return load(type)
  }

  /// The next string as bytes. Throws `pastEnd` where it is longer than the rest of the file.
  mutating func string() throws(GGUFError) -> [UInt8] {
    let length = try next(UInt64.self)
    try require(length <= UInt64(Int.max) ? Int(length) : .max)
    return take(Int(length))
  }

  /// Moves past a string.
  mutating func skipString() throws(GGUFError) {
    let length = try next(UInt64.self)
    try skip(length <= UInt64(Int.max) ? Int(length) : .max)
  }

  /// Moves past so many bytes. Throws `pastEnd`.
  mutating func skip(_ count: Int) throws(GGUFError) {
    try require(count)
    offset += count
  }

  /// The next string as a name of at most `limit` bytes; `what` calls it in errors. Throws `value` for an empty or a
  /// longer one, for one that is no UTF-8, and for one with control characters, which errors could not show.
  mutating func name(_ what: String, limit: Int) throws(GGUFError) -> String {
    let bytes = try string()
    guard !bytes.isEmpty, bytes.count <= limit, let name = String(validating: bytes, as: UTF8.self) else {
      throw .value(
        InvalidValue(
          file.path, what, expected: "a name of 1 to \(limit) bytes of UTF-8", found: "\(bytes.count) bytes"))
    }
    guard !name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
      throw .value(
        InvalidValue(
          file.path, what, expected: "a name without control characters", found: JSONValue.quoted(name)))
    }
    return name
  }

  /// The next number of things, each of which takes at least so many bytes of what follows; `what` calls it in errors.
  /// Throws `value` for more than the file can hold.
  mutating func count(_ what: String, leastBytes: Int) throws(GGUFError) -> Int {
    let count = try next(UInt64.self)
    let limit = remaining / leastBytes
    guard count <= UInt64(limit) else {
      throw .value(
        InvalidValue(
          file.path, what, expected: "at most \(limit), for which there are bytes", found: "\(count)",
          advice: "it is truncated or damaged"))
    }
    return Int(count)
  }

  /// The next value of a scalar type or a string; nil for an integer that is beyond `Int`. Throws `pastEnd`.
  mutating func scalar(_ type: GGUFValueType) throws(GGUFError) -> GGUFValue? {
    if type == .string { return .string(String(decoding: try string(), as: UTF8.self)) }
    try require(type.byteCount ?? 0)
    return loadScalar(type)
  }

  /// The next string, of an array that was checked.
  mutating func checkedString() -> [UInt8] { take(Int(load(UInt64.self))) }

  /// The next value, of an array that was checked; nil where it is none.
  mutating func checkedScalar(_ type: GGUFValueType) -> GGUFValue? { loadScalar(type) }

  private mutating func loadScalar(_ type: GGUFValueType) -> GGUFValue? {
    switch type {
    case .uint8: .integer(Int(load(UInt8.self)))
    case .int8: .integer(Int(load(Int8.self)))
    case .uint16: .integer(Int(load(UInt16.self)))
    case .int16: .integer(Int(load(Int16.self)))
    case .uint32: .integer(Int(load(UInt32.self)))
    case .int32: .integer(Int(load(Int32.self)))
    case .uint64: Int(exactly: load(UInt64.self)).map { .integer($0) }
    case .int64: .integer(Int(load(Int64.self)))
    case .float32: .number(Double(load(Float.self)))
    case .float64: .number(load(Double.self))
    case .bool: .bool(load(UInt8.self) != 0)
    case .string, .array: nil
    }
  }

  private func require(_ count: Int) throws(GGUFError) {
    guard count <= remaining else {
      throw .file(.pastEnd(file: file.path, byteOffset: offset, byteCount: count, fileSize: file.count))
    }
  }

  private mutating func load<Value: BitwiseCopyable>(_ type: Value.Type) -> Value {
    defer { offset += MemoryLayout<Value>.size }
    return file.withBytes { bytes in
      bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: type) }
    }
  }

  private mutating func take(_ count: Int) -> [UInt8] {
    defer { offset += count }
    return file.withBytes { bytes in bytes.withUnsafeBytes { Array($0[offset..<offset + count]) } }
  }
}
