import Diagnostics
import DurableFiles

/// Reads a GGUF file's header, field by field in the order of the file.
struct GGUFHeader {
  /// Stands behind what was read.
  private(set) var reader: GGUFReader
  private let path: String

  /// The most bytes of a key, by the format's description.
  private static let keyLimit = 65_535
  /// The bytes of a key and its value, at the least: the key's length and a byte of it, type and value.
  private static let leastBytes = 8 + 1 + 4 + 1

  init(_ file: MappedFile) {
    reader = GGUFReader(file, at: 0)
    path = file.path
  }

  /// Magic and version. Throws `value` for another kind of file, byte order or version.
  mutating func version() throws(GGUFError) -> Int {
    let magic = reader.remaining >= 4 ? try reader.next(UInt32.self) : 0
    guard magic == 0x4655_4747 else {
      throw invalid("the first four bytes", expected: "GGUF", found: "others", advice: "it is no GGUF file")
    }
    let version = try reader.next(UInt32.self)
    guard version == 2 || version == 3 else {
      let swapped = version.byteSwapped
      // a version as small as that is one of the other byte order
      if version != 0, swapped < 1 << 16 {
        throw invalid(
          "version", expected: "2 or 3, little-endian", found: "\(swapped), big-endian",
          advice: "convert it, with gguf-convert-endian of the Python package gguf")
      }
      throw invalid(
        "version", expected: "2 or 3", found: "\(version)", advice: version == 1 ? "convert the model again" : nil)
    }
    return Int(version)
  }

  /// The number of tensors. Throws `value` for more than the file can hold.
  mutating func tensorCount() throws(GGUFError) -> Int {
    try reader.count("tensor count", leastBytes: GGUFTensorTable.leastBytes)
  }

  /// The number of keys. Throws `value` for more than the file can hold.
  mutating func valueCount() throws(GGUFError) -> Int {
    try reader.count("metadata count", leastBytes: Self.leastBytes)
  }

  /// The metadata. Throws `value` for an unknown type, `file` for a key that is there twice and for what is cut short.
  mutating func metadata(count: Int) throws(GGUFError) -> GGUFMetadata {
    var values: [String: GGUFValue] = [:]
    var stored: [GGUFStoredValue] = []
    for index in 0..<count {
      let key = try reader.name("key \(index)", limit: Self.keyLimit)
      let start = reader.offset
      let type = try valueType(key)
      let value = type == .array ? .array(try array(key)) : try reader.scalar(type)
      guard let value else {
        throw invalid(key, expected: "an integer below 2^63", found: "a larger one")
      }
      guard values.updateValue(value, forKey: key) == nil else {
        throw .file(.duplicateKey(file: path, key: key))
      }
      stored.append(GGUFStoredValue(key: key, bytes: start..<reader.offset, file: reader.file))
    }
    return GGUFMetadata(file: path, values: values, stored: stored)
  }

  private mutating func valueType(_ key: String) throws(GGUFError) -> GGUFValueType {
    let number = try reader.next(UInt32.self)
    guard let type = GGUFValueType(rawValue: number) else {
      throw invalid(key, expected: "a value of a known type (0 to 12)", found: "type \(number)")
    }
    return type
  }

  /// An array, whose elements are only passed over. Throws `value` and `file`.
  private mutating func array(_ key: String) throws(GGUFError) -> GGUFArray {
    let type = try valueType(key)
    guard type != .array else { throw invalid(key, expected: "an array of values", found: "an array of arrays") }
    // a string has its length in front
    let size = type.byteCount ?? MemoryLayout<UInt64>.size
    let count = try reader.count("\(key): length", leastBytes: size)
    let start = reader.offset
    if type == .string {
      for _ in 0..<count { try reader.skipString() }
    } else {
      // as much was just found to be there
      try reader.skip(count * size)
    }
    return GGUFArray(count: count, elementType: type, bytes: start..<reader.offset, file: reader.file)
  }

  /// What `general.alignment` says. Throws `value` for what is no power of two.
  func alignment(_ metadata: GGUFMetadata) throws(GGUFError) -> Int {
    let key = "general.alignment"
    // `GGUF_DEFAULT_ALIGNMENT`
    let alignment = try metadata.integer(key, in: 1...(1 << 30)) ?? 32
    guard alignment.nonzeroBitCount == 1 else {
      throw .value(metadata.invalid(key, expected: "a power of two"))
    }
    return alignment
  }

  private func invalid(_ key: String, expected: String, found: String, advice: String? = nil) -> GGUFError {
    .value(InvalidValue(path, key, expected: expected, found: found, advice: advice))
  }
}
