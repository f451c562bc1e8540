/// Numbers of few bits, one after another; the first bit of a byte is its lowest.
struct BitWriter {
  private(set) var bytes: [UInt8] = []
  private var pending: UInt64 = 0
  private var pendingBits = 0

  /// ⌈log₂ V⌉
  static func bits(ofIDsBelow vocabularySize: Int) -> Int {
    Int.bitWidth - max(1, vocabularySize - 1).leadingZeroBitCount
  }

  /// Appends the lowest `bits` of `value`, at most 32.
  mutating func append(_ value: UInt32, bits: Int) {
    pending |= UInt64(value) << UInt64(pendingBits)
    pendingBits += bits
    while pendingBits >= 8 {
      bytes.append(UInt8(truncatingIfNeeded: pending))
      pending >>= 8
      pendingBits -= 8
    }
  }

  /// Appends a number from 1 in Elias's γ code: as many zeros as it has bits after the leading one, then all its bits.
  /// 1 takes one bit.
  mutating func appendGamma(_ value: UInt32) {
    let rest = value.bitWidth - 1 - value.leadingZeroBitCount
    append(1 << UInt32(rest), bits: rest + 1)
    append(value & (1 << UInt32(rest) - 1), bits: rest)
  }

  /// Appends a gap between ascending numbers in Rice's code (Rice & Plaunt 1971): its lowest `parameter` bits as they
  /// are, and before them the rest in unary.
  mutating func appendGap(_ gap: UInt32, parameter: Int) {
    for _ in 0..<gap >> UInt32(parameter) { append(0, bits: 1) }
    append(1, bits: 1)
    append(gap & (1 << UInt32(parameter) - 1), bits: parameter)
  }

  /// The parameter, at most `most`, with which gaps take the fewest bits.
  static func bestParameter(forGaps gaps: [UInt32], most: Int) -> Int {
    func bits(_ parameter: Int) -> Int { gaps.reduce(0) { $0 + Int($1 >> UInt32(parameter)) + 1 + parameter } }
    return (0...most).min { bits($0) < bits($1) } ?? most
  }

  /// Fills the last byte with zeros.
  mutating func align() {
    if pendingBits > 0 { append(0, bits: 8 - pendingBits) }
  }
}

/// Reads what `BitWriter` wrote.
struct BitReader {
  private var position = 0

  /// The next number of `bits`, at most 32.
  mutating func number(bits: Int, in bytes: Span<UInt8>) -> UInt32 {
    var value: UInt64 = 0
    let first = position / 8
    let end = (position + bits + 7) / 8
    for byte in first..<end { value |= UInt64(bytes[byte]) << UInt64(8 * (byte - first)) }
    let shifted = value >> UInt64(position % 8)
    position += bits
    return UInt32(truncatingIfNeeded: shifted & (1 << UInt64(bits) - 1))
  }

  /// The next gap in Rice's code.
  mutating func gap(parameter: Int, in bytes: Span<UInt8>) -> UInt32 {
    var rest: UInt32 = 0
    while number(bits: 1, in: bytes) == 0 { rest += 1 }
    return rest << UInt32(parameter) | number(bits: parameter, in: bytes)
  }

  /// The next number in Elias's γ code.
  mutating func gamma(in bytes: Span<UInt8>) -> UInt32 {
    var rest = 0
    while number(bits: 1, in: bytes) == 0 { rest += 1 }
    return number(bits: rest, in: bytes) | 1 << UInt32(rest)
  }
}
