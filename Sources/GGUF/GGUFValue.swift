import DurableFiles

/// A metadata value. Integers of all widths are one case, floats of both another.
public enum GGUFValue: Sendable {
  /// An integer, with or without a sign; one of 64 bits is below 2^63.
  case integer(Int)
  /// A float32 or a float64.
  case number(Double)
  /// A byte that is 0 for false, and anything else for true.
  case bool(Bool)
  /// A string; what is no UTF-8 in it is U+FFFD.
  case string(String)
  /// An array of values of one type, none of them an array.
  case array(GGUFArray)
}

/// The type of a metadata value, as the format numbers them (`enum gguf_type` in gguf.h).
enum GGUFValueType: UInt32 {
  case uint8 = 0
  case int8 = 1
  case uint16 = 2
  case int16 = 3
  case uint32 = 4
  case int32 = 5
  case float32 = 6
  case bool = 7
  case string = 8
  case array = 9
  case uint64 = 10
  case int64 = 11
  case float64 = 12

  /// The bytes of a value; nil where they depend on it.
  var byteCount: Int? {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    case .string, .array: nil
    }
  }
}

/// An array of the metadata, which stays in the file until it is asked for: a vocabulary has hundreds of thousands of
/// elements. Reading it takes memory in proportion to what it takes in the file.
public struct GGUFArray: Sendable {
  /// The number of elements.
  public let count: Int
  let elementType: GGUFValueType
  /// Where the elements lie; checked when the file was opened.
  let bytes: Range<Int>
  let file: MappedFile

  /// The elements as the bytes of strings, which are UTF-8 unless the file is odd; nil where they are none.
  public var strings: [[UInt8]]? {
    guard elementType == .string else { return nil }
    var reader = GGUFReader(file, at: bytes.lowerBound)
    return (0..<count).map { _ in reader.checkedString() }
  }

  /// The elements as integers; nil where they are none.
  public var integers: [Int]? {
    var reader = GGUFReader(file, at: bytes.lowerBound)
    var result: [Int] = []
    result.reserveCapacity(count)
    for _ in 0..<count {
      guard case .integer(let value) = reader.checkedScalar(elementType) else { return nil }
      result.append(value)
    }
    return result
  }

  /// The elements as floats; nil where they are no numbers.
  public var floats: [Float]? {
    var reader = GGUFReader(file, at: bytes.lowerBound)
    var result: [Float] = []
    result.reserveCapacity(count)
    for _ in 0..<count {
      switch reader.checkedScalar(elementType) {
      case .number(let value): result.append(Float(value))
      case .integer(let value): result.append(Float(value))
      default: return nil
      }
    }
    return result
  }

  /// The elements as truth values; nil where they are none.
  public var bools: [Bool]? {
    var reader = GGUFReader(file, at: bytes.lowerBound)
    var result: [Bool] = []
    for _ in 0..<count {
      guard case .bool(let value) = reader.checkedScalar(elementType) else { return nil }
      result.append(value)
    }
    return result
  }
}
