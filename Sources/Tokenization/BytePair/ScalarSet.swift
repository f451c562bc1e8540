/// A set of Unicode scalar values: a class of characters in a regular expression.
struct ScalarSet: Sendable {
  private enum Content: Sendable {
    case properties(ScalarProperties.Bits)
    /// A bit for each scalar value.
    case values([UInt64])
  }

  private let content: Content

  /// What has any of these properties.
  init(_ properties: ScalarProperties.Bits) { content = .properties(properties) }

  /// What is between the brackets of `[…]`: characters and ranges as `a-z`, without escapes. All is a character but a
  /// `-` between two.
  init(characters: String) {
    var words = [UInt64](repeating: 0, count: 0x110000 / 64)
    let scalars = Array(characters.unicodeScalars)
    var index = 0
    while index < scalars.count {
      let low = scalars[index].value
      let isRange = index + 2 < scalars.count && scalars[index + 1] == "-"
      let high = isRange ? scalars[index + 2].value : low
      precondition(low <= high, "the range \(scalars[index])-\(scalars[index + 2]) is empty")
      for value in low...high { words[Int(value >> 6)] |= 1 << UInt64(value & 63) }
      index += isRange ? 3 : 1
    }
    content = .values(words)
  }

  /// Where the characters of the set from `place` on end.
  func runEnd(in text: UTF8Text, from place: Int, _ end: Int) -> Int {
    switch content {
    case .properties(let bits): return text.run(from: place, end, of: bits)
    case .values(let words):
      var place = place
      words.withUnsafeBufferPointer { words in
        while place < end {
          let scalar = text.scalar(at: place, end)
          guard words[Int(scalar.value >> 6)] >> UInt64(scalar.value & 63) & 1 != 0 else { break }
          place += scalar.length
        }
      }
      return place
    }
  }
}
