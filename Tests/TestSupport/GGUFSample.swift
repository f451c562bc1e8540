/// The bytes of a GGUF file, whole or damaged in one place: every field can be another than it should be.
public struct GGUFSample: Sendable {
  /// A value of the metadata, with its type's number.
  public struct Value: Sendable {
    /// `enum gguf_type`.
    public var type: UInt32
    /// The value behind it.
    public var bytes: [UInt8]

    /// A value of any type.
    public init(type: UInt32, bytes: [UInt8]) {
      self.type = type
      self.bytes = bytes
    }

    /// 32 bits without a sign.
    public static func uint32(_ value: UInt32) -> Value { Value(type: 4, bytes: GGUFSample.bytes(value)) }
    /// A float32.
    public static func float32(_ value: Float) -> Value { Value(type: 6, bytes: GGUFSample.bytes(value.bitPattern)) }
    /// A truth value.
    public static func bool(_ value: Bool) -> Value { Value(type: 7, bytes: [value ? 1 : 0]) }
    /// A string.
    public static func string(_ text: String) -> Value { Value(type: 8, bytes: GGUFSample.string(Array(text.utf8))) }
    /// An array of values of one type, which claims another number of elements where `count` says so.
    public static func array(of type: UInt32, _ elements: [[UInt8]], count: UInt64? = nil) -> Value {
      Value(
        type: 9,
        bytes: GGUFSample.bytes(type) + GGUFSample.bytes(count ?? UInt64(elements.count)) + elements.flatMap { $0 })
    }
    /// An array of strings.
    public static func strings(_ texts: [String]) -> Value {
      array(of: 8, texts.map { GGUFSample.string(Array($0.utf8)) })
    }
  }

  /// A tensor.
  public struct Tensor: Sendable {
    /// Its name, as bytes.
    public var name: [UInt8]
    /// The sizes, columns first.
    public var dimensions: [UInt64]
    /// `enum ggml_type`.
    public var type: UInt32
    /// Where it lies behind the header; nil for where the one before it ends.
    public var offset: UInt64?
    /// Its elements.
    public var data: [UInt8]

    /// By default of float32.
    public init(_ name: String, _ dimensions: [UInt64], type: UInt32 = 0, offset: UInt64? = nil, data: [UInt8]) {
      self.name = Array(name.utf8)
      self.dimensions = dimensions
      self.type = type
      self.offset = offset
      self.data = data
    }
  }

  /// The first four bytes.
  public var magic = Array("GGUF".utf8)
  /// The format's version.
  public var version: UInt32 = 3
  /// The number of tensors and of values that the header claims; nil for the true one.
  public var tensorCount, valueCount: UInt64?
  /// Keys, as bytes, and values.
  public var values: [(key: [UInt8], value: Value)] = []
  /// The tensors.
  public var tensors: [Tensor] = []
  /// What tensors are aligned to.
  public var alignment = 32
  /// What follows the last tensor.
  public var tail: [UInt8] = []

  /// A file without values and tensors.
  public init() {}

  /// A file with these.
  public init(_ values: [(String, Value)], _ tensors: [Tensor] = []) {
    self.values = values.map { (Array($0.utf8), $1) }
    self.tensors = tensors
  }

  /// The file.
  public var bytes: [UInt8] {
    var header = magic + Self.bytes(version)
    header += Self.bytes(tensorCount ?? UInt64(tensors.count)) + Self.bytes(valueCount ?? UInt64(values.count))
    for (key, value) in values { header += Self.string(key) + Self.bytes(value.type) + value.bytes }
    var data: [UInt8] = []
    for tensor in tensors {
      data += padding(data.count)
      header += Self.string(tensor.name) + Self.bytes(UInt32(tensor.dimensions.count))
      header += tensor.dimensions.flatMap { Self.bytes($0) } + Self.bytes(tensor.type)
      header += Self.bytes(tensor.offset ?? UInt64(data.count))
      data += tensor.data
    }
    return header + padding(header.count) + data + tail
  }

  private func padding(_ count: Int) -> [UInt8] {
    [UInt8](repeating: 0, count: (alignment - count % alignment) % alignment)
  }

  /// A string with its length.
  public static func string(_ text: [UInt8]) -> [UInt8] { bytes(UInt64(text.count)) + text }

  /// An integer, little-endian.
  public static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
}
