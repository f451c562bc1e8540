import CUnicodeTables

/// Normalisation form C, as huggingface/tokenizers has it, whose version of Unicode is its own.
struct CanonicalComposition: Sendable {
  /// The form's tables, built when they are first asked for, and kept.
  static let nfc = CanonicalComposition()

  private let properties = ScalarProperties.all
  private let decompositions: [UInt32: [UInt32]]
  private let compositions: [UInt64: UInt32]

  private init() {
    var decompositions: [UInt32: [UInt32]] = [:]
    for row in UnsafeBufferPointer(start: unicode_decompositions, count: unicode_decompositions_count) {
      decompositions[row.first, default: []].append(row.third)
    }
    var compositions: [UInt64: UInt32] = [:]
    for row in UnsafeBufferPointer(start: unicode_compositions, count: unicode_compositions_count) {
      compositions[UInt64(row.first) << 32 | UInt64(row.second)] = row.third
    }
    (self.decompositions, self.compositions) = (decompositions, compositions)
  }

  /// The text in form C; nil where it is that already. UTF-8.
  func normalized(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    guard let base = text.baseAddress else { return nil }
    let (source, end) = (UTF8Text(base), text.count)
    var result: [UInt8]?
    // what of the text is in `result`, or unchanged
    var copied = 0
    // the last place before which the text can be cut, and the combining class of the character before `place`
    var (boundary, lastClass) = (0, UInt16(0))
    var place = 0
    while place < end {
      if base[place] < 0x80 {
        (boundary, lastClass) = (place, 0)
        place += 1
        continue
      }
      let scalar = source.scalar(at: place, end)
      let bits = properties[scalar.value]
      let order = bits >> 8
      if bits & ScalarProperties.maybeComposed == 0, order == 0 || order >= lastClass {
        if order == 0 { boundary = place }
        lastClass = order
        place += scalar.length
        continue
      }
      // normalise from the boundary to the next one
      var next = place + scalar.length
      while next < end {
        let scalar = source.scalar(at: next, end)
        let bits = properties[scalar.value]
        if bits & ScalarProperties.maybeComposed == 0, bits >> 8 == 0 { break }
        next += scalar.length
      }
      var scalars: [UInt32] = []
      var index = boundary
      while index < next {
        let scalar = source.scalar(at: index, end)
        scalars.append(scalar.value)
        index += scalar.length
      }
      if result == nil { result = [] }
      result?.append(contentsOf: UnsafeBufferPointer(rebasing: text[copied..<boundary]))
      for value in composed(decomposed(scalars)) { Self.append(value, to: &result!) }
      (copied, place, boundary, lastClass) = (next, next, next, 0)
    }
    result?.append(contentsOf: UnsafeBufferPointer(rebasing: text[copied...]))
    return result
  }

  private static func append(_ value: UInt32, to bytes: inout [UInt8]) {
    bytes += UTF8.encode(Unicode.Scalar(value) ?? "\u{FFFD}") ?? UTF8.encodedReplacementCharacter
  }

  private func order(_ value: UInt32) -> UInt16 { properties[value] >> 8 }

  /// The full canonical decomposition, marks in canonical order.
  private func decomposed(_ scalars: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    for value in scalars {
      if (Hangul.syllables.lowerBound..<Hangul.syllables.upperBound).contains(value) {
        result += Hangul.decomposed(value)
      } else if let parts = decompositions[value] {
        result += parts
      } else {
        result.append(value)
      }
    }
    var start = 0
    while start < result.count {
      guard order(result[start]) > 0 else {
        start += 1
        continue
      }
      var end = start
      while end < result.count, order(result[end]) > 0 { end += 1 }
      if end - start > 1 {
        // stable
        let marks = result[start..<end].enumerated().sorted { (order($0.1), $0.0) < (order($1.1), $1.0) }.map(\.1)
        result.replaceSubrange(start..<end, with: marks)
      }
      start = end
    }
    return result
  }

  /// The composition of what is decomposed and in canonical order.
  private func composed(_ scalars: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    // the place of the last starter in `result`
    var starter: Int?
    for value in scalars {
      let order = order(value)
      if let place = starter {
        let last = place == result.count - 1 ? nil : result.last.map { self.order($0) }
        // blocked by a mark between of the same class or a higher one, or by another starter
        let isBlocked = last.map { $0 == 0 || $0 >= order } ?? false
        if !isBlocked, let whole = composition(result[place], value) {
          result[place] = whole
          continue
        }
      }
      if order == 0 { starter = result.count }
      result.append(value)
    }
    return result
  }

  private func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
    Hangul.composed(first, second) ?? compositions[UInt64(first) << 32 | UInt64(second)]
  }
}

/// The syllables of Hangul, which are composed by rule (The Unicode Standard, 3.12).
private enum Hangul {
  static let syllables: Range<UInt32> = 0xAC00..<0xD7A4
  private static let (leads, vowels, trails): (UInt32, UInt32, UInt32) = (0x1100, 0x1161, 0x11A7)
  private static let (leadCount, vowelCount, trailCount): (UInt32, UInt32, UInt32) = (19, 21, 28)

  static func decomposed(_ value: UInt32) -> [UInt32] {
    let index = value - syllables.lowerBound
    let parts = [leads + index / (vowelCount * trailCount), vowels + index / trailCount % vowelCount]
    return index % trailCount == 0 ? parts : parts + [trails + index % trailCount]
  }

  static func composed(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if (leads..<leads + leadCount).contains(first), (vowels..<vowels + vowelCount).contains(second) {
      return syllables.lowerBound + ((first - leads) * vowelCount + second - vowels) * trailCount
    }
    if syllables.contains(first), (first - syllables.lowerBound).isMultiple(of: trailCount),
      (trails + 1..<trails + trailCount).contains(second)
    {
      return first + second - trails
    }
    return nil
  }
}
