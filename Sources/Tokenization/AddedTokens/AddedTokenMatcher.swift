/// Finds added tokens in text, as Hugging Face's tokenizers do (`AddedVocabulary` in huggingface/tokenizers): from left
/// to right, of several that begin at one place the longest; the normalised ones after all others.
struct AddedTokenMatcher: Sendable {
  /// A stretch of a text.
  enum Part: Equatable {
    case text(Range<Int>)
    case token(Int32)
  }

  /// The tokens of one pass by their first byte, longer ones first.
  private struct Pass {
    var tokens: [[(bytes: [UInt8], token: AddedToken)]] = Array(repeating: [], count: 256)

    init(_ tokens: [AddedToken]) {
      for token in tokens {
        let bytes = Array(token.content.utf8)
        self.tokens[Int(bytes[0])].append((bytes, token))
      }
      for index in self.tokens.indices { self.tokens[index].sort { $0.bytes.count > $1.bytes.count } }
    }
  }

  private let passes: [Pass]
  /// All pairs of bytes that stand side by side in a token.
  private let neighbours: Set<UInt16>
  private let strips: Bool
  /// The first and last bytes of tokens that must be no part of a word.
  private let wordEdges: Set<UInt8>

  /// The contents must not be empty.
  init(_ tokens: [AddedToken]) {
    passes = [false, true].map { isNormalized in Pass(tokens.filter { $0.isNormalized == isNormalized }) }
    var neighbours: Set<UInt16> = []
    for token in tokens {
      let bytes = Array(token.content.utf8)
      for (left, right) in zip(bytes, bytes.dropFirst()) { neighbours.insert(Self.pair(left, right)) }
    }
    self.neighbours = neighbours
    strips = tokens.contains { $0.stripsLeft || $0.stripsRight }
    wordEdges = Set(
      tokens.filter(\.isSingleWord).flatMap { [$0.content.utf8.first, $0.content.utf8.last] }.compactMap(\.self))
  }

  /// The parts of `bytes[range]`, a text or a part of one that was cut where `isSafeCut` allows it; no part is empty.
  func parts(of range: Range<Int>, in bytes: [UInt8]) -> [Part] {
    var parts = [Part.text(range)]
    for pass in passes {
      parts = parts.flatMap { part in
        if case .text(let range) = part { split(range, in: bytes, by: pass) } else { [part] }
      }
    }
    return parts
  }

  private func split(_ range: Range<Int>, in bytes: [UInt8], by pass: Pass) -> [Part] {
    var parts: [Part] = []
    var start = range.lowerBound
    var place = start
    while place < range.upperBound {
      let candidates = pass.tokens[Int(bytes[place])]
      guard !candidates.isEmpty,
        let (content, token) = candidates.first(where: { bytes[place..<range.upperBound].starts(with: $0.bytes) })
      else {
        place += 1
        continue
      }
      let end = place + content.count
      if token.isSingleWord, isWord(before: place, in: bytes[range]) || isWord(at: end, in: bytes[range]) {
        place = end
        continue
      }
      var (left, right) = (place, end)
      if token.stripsLeft {
        while left > start, let space = Self.space(before: left, in: bytes[start...]) { left = space }
      }
      if token.stripsRight { while let space = Self.space(at: right, in: bytes[..<range.upperBound]) { right = space } }
      if left > start { parts.append(.text(start..<left)) }
      parts.append(.token(token.id))
      start = right
      place = right
    }
    if start < range.upperBound { parts.append(.text(start..<range.upperBound)) }
    return parts
  }

  /// Whether the bytes beside `place`, which is inside `text`, let it be a cut: no token reaches across, nor what it
  /// strips.
  func isSafeCut(_ place: Int, in text: borrowing Span<UInt8>) -> Bool {
    let (left, right) = (text[place - 1], text[place])
    if neighbours.contains(Self.pair(left, right)) { return false }
    // white space beyond ASCII begins with one of four bytes; a place beside their other characters is only less apt
    let isSpace = { (byte: UInt8) in byte <= 0x20 || [0xC2, 0xE1, 0xE2, 0xE3].contains(byte) }
    if strips, isSpace(right) || isSpace(left) || left >= 0x80 { return false }
    return !wordEdges.contains(left) && !wordEdges.contains(right)
  }

  private static func pair(_ left: UInt8, _ right: UInt8) -> UInt16 { UInt16(left) << 8 | UInt16(right) }

  /// Where the white space that ends at `place` begins; nil if there is none.
  private static func space(before place: Int, in bytes: ArraySlice<UInt8>) -> Int? {
    guard let (scalar, start) = scalar(before: place, in: bytes), scalar.properties.isWhitespace else { return nil }
    return start
  }

  /// Where the white space that begins at `place` ends; nil if there is none.
  private static func space(at place: Int, in bytes: ArraySlice<UInt8>) -> Int? {
    guard let scalar = scalar(at: place, in: bytes), scalar.properties.isWhitespace else { return nil }
    return place + UTF8.width(scalar)
  }

  private func isWord(before place: Int, in bytes: ArraySlice<UInt8>) -> Bool {
    Self.scalar(before: place, in: bytes).map { Self.isWord($0.scalar) } ?? false
  }

  private func isWord(at place: Int, in bytes: ArraySlice<UInt8>) -> Bool {
    Self.scalar(at: place, in: bytes).map(Self.isWord) ?? false
  }

  /// What the regular expression `\w` matches.
  private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType == .decimal
      || [.nonspacingMark, .enclosingMark, .spacingMark].contains(scalar.properties.generalCategory)
  }

  private static func scalar(at place: Int, in bytes: ArraySlice<UInt8>) -> Unicode.Scalar? {
    guard place < bytes.endIndex else { return nil }
    return String(decoding: bytes[place..<min(place + 4, bytes.endIndex)], as: UTF8.self).unicodeScalars.first
  }

  private static func scalar(before place: Int, in bytes: ArraySlice<UInt8>) -> (scalar: Unicode.Scalar, start: Int)? {
    var start = place - 1
    while start > bytes.startIndex, bytes[start] & 0xC0 == 0x80 { start -= 1 }
    guard start >= bytes.startIndex, let scalar = scalar(at: start, in: bytes[..<place]) else { return nil }
    return (scalar, start)
  }
}
