import CUnicodeTables

/// What huggingface/tokenizers knows of each Unicode scalar value (see Scripts/unicode-tables.py), in one table.
struct ScalarProperties: Sendable {
  /// One scalar value's: a class each bit, and in the upper byte the canonical combining class.
  typealias Bits = UInt16

  /// `\p{L}`.
  static let letter: Bits = 1
  /// `\p{N}`.
  static let number: Bits = 2
  /// `\s`.
  static let space: Bits = 4
  /// `\p{M}`.
  static let mark: Bits = 8
  /// `\p{P}`.
  static let punctuation: Bits = 16
  /// `\p{S}`.
  static let symbol: Bits = 32
  /// What the pre-tokenizer `Digits` takes for a digit.
  static let digit: Bits = 64
  /// What may change in NFC, alone or beside what precedes it.
  static let maybeComposed: Bits = 128

  /// The table, built when it is first asked for, and kept.
  static let all = ScalarProperties()

  // written in `init` alone
  nonisolated(unsafe) private let table: UnsafePointer<Bits>

  private init() {
    let table = UnsafeMutablePointer<Bits>.allocate(capacity: 0x110000)
    table.initialize(repeating: 0, count: 0x110000)
    func mark(_ ranges: UnsafePointer<unicode_range>, _ count: Int, _ bit: Bits) {
      for range in UnsafeBufferPointer(start: ranges, count: count) {
        for value in range.low...range.high { table[Int(value)] |= bit }
      }
    }
    mark(unicode_letters, unicode_letters_count, Self.letter)
    mark(unicode_numbers, unicode_numbers_count, Self.number)
    mark(unicode_spaces, unicode_spaces_count, Self.space)
    mark(unicode_marks, unicode_marks_count, Self.mark)
    mark(unicode_punctuation, unicode_punctuation_count, Self.punctuation)
    mark(unicode_symbols, unicode_symbols_count, Self.symbol)
    mark(unicode_digits, unicode_digits_count, Self.digit)
    mark(unicode_maybe_composed, unicode_maybe_composed_count, Self.maybeComposed)
    for row in UnsafeBufferPointer(start: unicode_combining_classes, count: unicode_combining_classes_count) {
      for value in row.first...row.second { table[Int(value)] |= Bits(row.third) << 8 }
    }
    self.table = UnsafePointer(table)
  }

  /// Of a scalar value, below 0x110000.
  @inline(__always) subscript(_ scalar: UInt32) -> Bits { table[Int(scalar)] }
}

/// UTF-8 that is read a character at a time. Damaged text is read, too, without leaving it: a byte that begins no
/// character, or one too few, counts as U+FFFD.
struct UTF8Text {
  let bytes: UnsafePointer<UInt8>
  private let properties = ScalarProperties.all

  init(_ bytes: UnsafePointer<UInt8>) { self.bytes = bytes }

  /// A character's value and the number of its bytes.
  struct Scalar {
    var value: UInt32
    var length: Int
  }

  /// The character at `place`, below `end`.
  @inline(__always) func scalar(at place: Int, _ end: Int) -> Scalar {
    let lead = bytes[place]
    return lead < 0x80 ? Scalar(value: UInt32(lead), length: 1) : wideScalar(at: place, end)
  }

  private func wideScalar(at place: Int, _ end: Int) -> Scalar {
    let lead = bytes[place]
    let length = lead < 0xC2 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 1
    guard length > 1, place + length <= end else { return Scalar(value: 0xFFFD, length: 1) }
    var value = UInt32(lead) & (0x7F >> UInt32(length))
    for offset in 1..<length { value = value << 6 | UInt32(bytes[place + offset] & 0x3F) }
    return Scalar(value: value < 0x110000 ? value : 0xFFFD, length: length)
  }

  /// The properties of the character at `place`, below `end`.
  @inline(__always) func bits(at place: Int, _ end: Int) -> ScalarProperties.Bits {
    properties[scalar(at: place, end).value]
  }

  /// Where the characters from `place` on end that have any of some properties.
  @inline(__always) func run(from place: Int, _ end: Int, of mask: ScalarProperties.Bits) -> Int {
    var place = place
    while place < end {
      let scalar = scalar(at: place, end)
      guard properties[scalar.value] & mask != 0 else { break }
      place += scalar.length
    }
    return place
  }

  /// Where the characters from `place` on end that have none of some properties.
  @inline(__always) func run(from place: Int, _ end: Int, without mask: ScalarProperties.Bits) -> Int {
    var place = place
    while place < end {
      let scalar = scalar(at: place, end)
      guard properties[scalar.value] & mask == 0 else { break }
      place += scalar.length
    }
    return place
  }
}
