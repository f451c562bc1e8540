import DurableFiles

/// A metadata value as it lies in a file: its type, of an array also that of its elements, and its bytes.
public struct GGUFStoredValue: Sendable {
  /// Its key.
  public let key: String
  let bytes: Range<Int>
  let file: MappedFile
}

/// A metadata value to be written, with the type that it has in the file: those that read a file take a value of
/// another type for a mistake, be it of the same number.
public enum GGUFWrittenValue: Sendable {
  case uint32(UInt32)
  case int32(Int32)
  case uint64(UInt64)
  case float32(Float)
  case bool(Bool)
  case string(String)
  case int32s([Int32])
  case float32s([Float])
  case bools([Bool])
  /// Strings as their bytes, which should be UTF-8.
  case strings([[UInt8]])
  /// A value as it is in another file.
  case stored(GGUFStoredValue)
  /// The elements at some places of an array of another file, of the same type. The places must be in it, ascending.
  case elements(of: GGUFArray, places: [Int])
}

/// The bytes of a GGUF file's header.
struct GGUFBytes {
  private(set) var bytes: [UInt8] = []

  mutating func add<Value: FixedWidthInteger>(_ value: Value) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func add(_ string: some Collection<UInt8>) {
    add(UInt64(string.count))
    bytes.append(contentsOf: string)
  }

  /// Fills up with zero bytes to a multiple of `alignment`.
  mutating func align(to alignment: Int) {
    bytes.append(contentsOf: repeatElement(0, count: (alignment - bytes.count % alignment) % alignment))
  }

  /// A value, its type before it.
  mutating func add(_ value: GGUFWrittenValue) {
    func add(_ type: GGUFValueType) { self.add(type.rawValue) }
    func addArray(_ type: GGUFValueType, count: Int) {
      add(.array)
      add(type)
      self.add(UInt64(count))
    }
    switch value {
    case .uint32(let number):
      add(.uint32)
      self.add(number)
    case .int32(let number):
      add(.int32)
      self.add(number)
    case .uint64(let number):
      add(.uint64)
      self.add(number)
    case .float32(let number):
      add(.float32)
      self.add(number.bitPattern)
    case .bool(let truth):
      add(.bool)
      self.add(UInt8(truth ? 1 : 0))
    case .string(let text):
      add(.string)
      self.add(text.utf8)
    case .int32s(let numbers):
      addArray(.int32, count: numbers.count)
      for number in numbers { self.add(number) }
    case .float32s(let numbers):
      addArray(.float32, count: numbers.count)
      for number in numbers { self.add(number.bitPattern) }
    case .bools(let truths):
      addArray(.bool, count: truths.count)
      for truth in truths { self.add(UInt8(truth ? 1 : 0)) }
    case .strings(let strings):
      addArray(.string, count: strings.count)
      for string in strings { self.add(string) }
    case .stored(let value): copy(value.bytes, of: value.file)
    case .elements(let array, let places):
      addArray(array.elementType, count: places.count)
      for range in array.byteRanges(at: places) { copy(range, of: array.file) }
    }
  }

  private mutating func copy(_ range: Range<Int>, of file: MappedFile) {
    file.withBytes { all in all.extracting(range).withUnsafeBytes { bytes.append(contentsOf: $0) } }
  }
}

extension GGUFArray {
  /// Where the elements at some places lie, ascending.
  fileprivate func byteRanges(at places: [Int]) -> [Range<Int>] {
    precondition(places.last ?? -1 < count, "place \(places.last ?? 0) of \(count) elements")
    if let size = elementType.byteCount {
      return places.map { bytes.lowerBound + $0 * size..<bytes.lowerBound + ($0 + 1) * size }
    }
    var (reader, ranges, element) = (GGUFReader(file, at: bytes.lowerBound), [Range<Int>](), 0)
    for place in places {
      var start = reader.offset
      while element <= place {
        start = reader.offset
        _ = reader.checkedString()
        element += 1
      }
      ranges.append(start..<reader.offset)
    }
    return ranges
  }
}
