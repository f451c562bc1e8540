import Diagnostics
import DurableFiles

/// Reads a GGUF file's header, field by field in the order of the file.
struct GGUFHeader {
  private var reader: GGUFReader
  private let path: String

  /// The most elements of a dimension, and its number of dimensions (`GGML_MAX_DIMS`).
  private static let dimensionLimit = 4
  /// ggml's `GGML_MAX_NAME`, with its zero byte.
  private static let nameLimit = 63
  private static let keyLimit = 65_535

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
    guard version & 0xFFFF != 0 else {
      throw invalid(
        "version", expected: "2 or 3, little-endian", found: "\(version.byteSwapped), big-endian",
        advice: "convert it, with gguf-convert-endian of the Python package gguf")
    }
    guard version == 2 || version == 3 else {
      throw invalid(
        "version", expected: "2 or 3", found: "\(version)", advice: version == 1 ? "convert the model again" : nil)
    }
    return Int(version)
  }

  /// A number of things of which each takes at least a byte. Throws `value` for more than the file can hold.
  mutating func count(_ name: String) throws(GGUFError) -> Int {
    let count = try reader.next(UInt64.self)
    guard count <= UInt64(max(0, reader.remaining)) else {
      throw invalid(name, expected: "at most \(reader.remaining), the bytes that follow", found: "\(count)")
    }
    return Int(count)
  }

  /// The metadata. Throws `value` for an unknown type, `file` for a key that is there twice and for what is cut short.
  mutating func metadata(count: Int) throws(GGUFError) -> GGUFMetadata {
    var values: [String: GGUFValue] = [:]
    var stored: [GGUFStoredValue] = []
    for index in 0..<count {
      let key = try name("key \(index)", limit: Self.keyLimit)
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

  private mutating func array(_ key: String) throws(GGUFError) -> GGUFArray {
    let type = try valueType(key)
    guard type != .array else { throw invalid(key, expected: "an array of values", found: "an array of arrays") }
    let count = try count("\(key): length")
    let start = reader.offset
    if let size = type.byteCount {
      let (bytes, overflows) = count.multipliedReportingOverflow(by: size)
      try reader.skip(overflows ? .max : bytes)
    } else {
      for _ in 0..<count { try reader.skipString() }
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

  /// The tensors, of which each begins where the one before it ends, but for the alignment. Throws `value` and `file`.
  mutating func tensors(count: Int, alignment: Int) throws(GGUFError) -> [GGUFTensor] {
    var infos: [(name: String, type: GGUFTensorType, shape: [Int], offset: UInt64)] = []
    var names: Set<String> = []
    for index in 0..<count {
      let name = try name("tensor \(index)", limit: Self.nameLimit)
      guard names.insert(name).inserted else { throw .file(.duplicateKey(file: path, key: name)) }
      let shape = try shape(of: name)
      let number = try reader.next(UInt32.self)
      guard let type = GGUFTensorType(rawValue: number) else {
        throw invalid(
          "tensor \(name)", expected: "a type that is known", found: "type \(number)",
          advice: "the file needs a newer version of this program")
      }
      infos.append((name, type, shape, try reader.next(UInt64.self)))
    }
    let fileSize = reader.file.count
    let start = try aligned(reader.offset, alignment)
    var end = 0
    var tensors: [GGUFTensor] = []
    for info in infos {
      guard info.offset == UInt64(end) else {
        throw invalid(
          "tensor \(info.name): offset", expected: "\(end), where the tensor before it ends", found: "\(info.offset)")
      }
      let size = try byteCount(info.name, info.type, info.shape)
      let (first, overflows) = start.addingReportingOverflow(end)
      guard !overflows, first <= fileSize, size <= fileSize - first else {
        throw .file(
          .pastEnd(file: path, byteOffset: overflows ? .max : first, byteCount: size, fileSize: fileSize))
      }
      tensors.append(
        GGUFTensor(name: info.name, type: info.type, shape: info.shape, byteRange: first..<first + size))
      end = try aligned(end + size, alignment)
    }
    let (last, overflows) = start.addingReportingOverflow(end)
    // the last tensor need not be followed by as much as the alignment
    guard overflows || fileSize <= last || tensors.isEmpty else {
      throw invalid("size", expected: "\(last) bytes, where the last tensor ends", found: "\(fileSize)")
    }
    return tensors
  }

  private mutating func shape(of name: String) throws(GGUFError) -> [Int] {
    let count = try reader.next(UInt32.self)
    guard (1...UInt32(Self.dimensionLimit)).contains(count) else {
      throw invalid("tensor \(name)", expected: "1 to \(Self.dimensionLimit) dimensions", found: "\(count)")
    }
    var shape: [Int] = []
    for _ in 0..<count {
      let size = try reader.next(UInt64.self)
      guard size > 0, size <= UInt64(Int32.max) * 64 else {
        throw invalid("tensor \(name)", expected: "dimensions from 1 on", found: "\(size)")
      }
      shape.append(Int(size))
    }
    return shape.reversed()
  }

  private func byteCount(_ name: String, _ type: GGUFTensorType, _ shape: [Int]) throws(GGUFError) -> Int {
    let columns = shape.last ?? 1
    guard columns.isMultiple(of: type.blockLength) else {
      throw invalid(
        "tensor \(name)", expected: "rows of a multiple of \(type.blockLength) elements, for it is \(type.name)",
        found: "\(columns)")
    }
    var count = columns / type.blockLength
    for factor in shape.dropLast() + [type.blockBytes] {
      let (product, overflows) = count.multipliedReportingOverflow(by: factor)
      guard !overflows else { throw invalid("tensor \(name)", expected: "a size that can be", found: "\(shape)") }
      count = product
    }
    return count
  }

  private func aligned(_ offset: Int, _ alignment: Int) throws(GGUFError) -> Int {
    let (sum, overflows) = offset.addingReportingOverflow(alignment - 1)
    guard !overflows else { throw invalid("tensors", expected: "a size that can be", found: "too large a one") }
    return sum / alignment * alignment
  }

  private mutating func name(_ what: String, limit: Int) throws(GGUFError) -> String {
    let bytes = try reader.string()
    guard !bytes.isEmpty, bytes.count <= limit, let name = String(validating: bytes, as: UTF8.self) else {
      throw invalid(what, expected: "a name of 1 to \(limit) bytes of UTF-8", found: "\(bytes.count) bytes")
    }
    return name
  }

  private func invalid(_ key: String, expected: String, found: String, advice: String? = nil) -> GGUFError {
    .value(InvalidValue(path, key, expected: expected, found: found, advice: advice))
  }
}
