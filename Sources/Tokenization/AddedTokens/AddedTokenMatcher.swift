/// Finds added tokens in text, as Hugging Face's tokenizers do (`AddedVocabulary` in huggingface/tokenizers): from left
/// to right, of several that begin at one place the longest; the normalised ones after all others, in text that is
/// normalised where the tokenizer does that.
struct AddedTokenMatcher: Sendable {
  /// A stretch of a text.
  enum Part: Equatable {
    /// Text, where it lies.
    case text(Range<Int>)
    /// Text that is normalised.
    case normalized([UInt8])
    case token(Int32)
  }

  /// The tokens of one pass. Gemma has six thousand that begin with the same byte.
  private struct Pass {
    typealias Entry = (bytes: [UInt8], token: AddedToken)

    /// Those of one byte, by it.
    private var short: [UInt8: Entry] = [:]
    /// The others by their first two bytes, longer ones first.
    private var long: [UInt16: [Entry]] = [:]
    /// Whether a token begins with a byte.
    private(set) var begins = [Bool](repeating: false, count: 256)
    var isEmpty: Bool { !begins.contains(true) }

    init(_ tokens: [Entry]) {
      for token in tokens {
        begins[Int(token.bytes[0])] = true
        if token.bytes.count > 1 {
          long[AddedTokenMatcher.pair(token.bytes[0], token.bytes[1]), default: []].append(token)
        } else if short[token.bytes[0]] == nil {
          short[token.bytes[0]] = token
        }
      }
      for pair in long.keys { long[pair]?.sort { $0.bytes.count > $1.bytes.count } }
    }

    /// The longest token at the beginning of `text`, which is not empty; nil where there is none.
    func match(_ text: ArraySlice<UInt8>) -> Entry? {
      let place = text.startIndex
      if text.count > 1, let candidates = long[AddedTokenMatcher.pair(text[place], text[place + 1])],
        let found = candidates.first(where: { text.starts(with: $0.bytes) })
      {
        return found
      }
      return short[text[place]]
    }
  }

  private let raw: Pass
  private let normalized: Pass
  /// What normalises text; nil where nothing does.
  private let normalizer: (any AddedTokenRules)?
  /// All pairs of bytes that stand side by side in a token.
  private let neighbours: Set<UInt16>
  /// The bytes that follow a character beyond ASCII in a token which is looked for in normalised text: there what
  /// precedes may be spelled otherwise.
  private let afterWide: Set<UInt8>
  private let strips: Bool
  /// The bytes that tokens end with, where text that follows them is encoded as the beginning of one.
  private let lastBytes: Set<UInt8>
  /// The first and last bytes of tokens that must be no part of a word.
  private let wordEdges: Set<UInt8>

  /// - Parameters:
  ///   - tokens: those to find; their contents must not be empty.
  ///   - normalizer: how text is normalised for the tokens that are; nil, as by default, where it is not.
  ///   - restartsText: whether text that follows a token is encoded as the beginning of one; false by default.
  init(_ tokens: [AddedToken], normalizer: (any AddedTokenRules)? = nil, restartsText: Bool = false) {
    self.normalizer = normalizer
    let spelled = tokens.map { token in
      let bytes = Array(token.content.utf8)
      guard token.isNormalized, let normalizer else { return (bytes: bytes, token: token) }
      return (bytes: normalizer.normalizedBeginning + (normalizer.normalized(bytes[...]) ?? bytes), token: token)
    }
    raw = Pass(spelled.filter { !$0.token.isNormalized })
    normalized = Pass(spelled.filter { $0.token.isNormalized })
    var (neighbours, afterWide) = (Set<UInt16>(), Set<UInt8>())
    for (bytes, token) in spelled {
      for (left, right) in zip(bytes, bytes.dropFirst()) {
        neighbours.insert(Self.pair(left, right))
        guard token.isNormalized, normalizer != nil else { continue }
        if left >= 0x80 { afterWide.insert(right) }
        // what was a space may be a character beyond ASCII
        if right >= 0x80 { for left in [left, Self.blank] { neighbours.insert(Self.pair(left, Self.blank)) } }
      }
    }
    (self.neighbours, self.afterWide) = (neighbours, afterWide)
    lastBytes = Set(restartsText ? spelled.compactMap(\.bytes.last) : [])
    strips = tokens.contains { $0.stripsLeft || $0.stripsRight }
    wordEdges = Set(
      spelled.filter(\.token.isSingleWord).flatMap { [$0.bytes.first, $0.bytes.last] }.compactMap(\.self))
  }

  /// Whether a normalised text has in front what it begins with.
  var normalizesBeginnings: Bool { normalizer?.normalizedBeginning.isEmpty == false }

  /// The parts of `bytes[range]`, a text or a part of one that was cut where `isSafeCut` allows it; no part is empty.
  /// `startsText` says whether a text begins here.
  func parts(of range: Range<Int>, in bytes: [UInt8], startsText: Bool = true) -> [Part] {
    let parts = split(range, in: bytes, by: raw)
    if normalized.isEmpty { return parts }
    var begins = startsText
    return parts.flatMap { part -> [Part] in
      guard case .text(let range) = part else {
        begins = normalizer?.restartsTextAfterAddedTokens == true
        return [part]
      }
      guard let text = normalizedText(bytes[range], begins: begins) else {
        return split(range, in: bytes, by: normalized)
      }
      return split(0..<text.count, in: text, by: normalized).map { part in
        if case .text(let range) = part { .normalized(Array(text[range])) } else { part }
      }
    }
  }

  /// A text as the tokens that are normalised are looked for in it; nil where it is that already.
  private func normalizedText(_ text: ArraySlice<UInt8>, begins: Bool) -> [UInt8]? {
    let normalized = normalizer?.normalized(text)
    guard let normalizer, normalizesBeginnings else { return normalized }
    return (begins ? normalizer.normalizedBeginning : []) + (normalized ?? Array(text))
  }

  private func split(_ range: Range<Int>, in bytes: [UInt8], by pass: Pass) -> [Part] {
    var parts: [Part] = []
    var start = range.lowerBound
    var place = start
    // the white space that was stripped last
    var spaces = start..<start
    while place < range.upperBound {
      place = Self.firstPlace(from: place, range.upperBound, in: bytes, where: pass.begins)
      guard place < range.upperBound else { break }
      guard let (content, token) = pass.match(bytes[place..<range.upperBound]) else {
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
      if token.stripsRight {
        if !spaces.contains(right) {
          spaces = right..<right
          while let space = Self.space(at: spaces.upperBound, in: bytes[..<range.upperBound]) {
            spaces = right..<space
          }
        }
        right = spaces.upperBound
      }
      place = end
      // what one token strips may be the beginning of another, or all of what that one strips: then it is no more
      if token.stripsLeft, right <= start { continue }
      if left > start { parts.append(.text(start..<left)) }
      parts.append(.token(token.id))
      start = right
    }
    if start < range.upperBound { parts.append(.text(start..<range.upperBound)) }
    return parts
  }

  /// The first place from `start` on whose byte may begin a token, or `end`.
  private static func firstPlace(from start: Int, _ end: Int, in bytes: [UInt8], where begins: [Bool]) -> Int {
    bytes.withUnsafeBufferPointer { bytes in
      begins.withUnsafeBufferPointer { begins in
        var place = start
        while place < end, !begins[Int(bytes[place])] { place += 1 }
        return place
      }
    }
  }

  /// Whether the bytes beside `place`, which is inside `text`, let it be a cut: no token reaches across, nor what it
  /// strips, and none ends here if that matters to what follows.
  func isSafeCut(_ place: Int, in text: borrowing Span<UInt8>) -> Bool {
    let (left, right) = (text[place - 1], text[place])
    if neighbours.contains(Self.pair(left, right))
      || ((left >= 0x80 || left == Self.blank) && afterWide.contains(right))
    {
      return false
    }
    // white space beyond ASCII begins with one of four bytes; a place beside their other characters is only less apt
    let isSpace = { (byte: UInt8) in byte <= 0x20 || [0xC2, 0xE1, 0xE2, 0xE3].contains(byte) }
    // a character beyond ASCII, or a space, may be spelled otherwise where text is normalised
    let last = normalizer != nil && left == Self.blank ? 0x81 : left
    if lastBytes.contains(left) || (last >= 0x80 && lastBytes.contains(where: { $0 >= 0x80 })) { return false }
    if strips, isSpace(right) || isSpace(left) || left >= 0x80 { return false }
    return !wordEdges.contains(left) && !wordEdges.contains(right)
  }

  private static let blank = UInt8(ascii: " ")

  fileprivate static func pair(_ left: UInt8, _ right: UInt8) -> UInt16 { UInt16(left) << 8 | UInt16(right) }

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

  /// What the regular expression `\w` matches (Unicode Technical Standard 18, annex C).
  private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    // what the standard library knows of later versions of Unicode is no letter yet
    ScalarProperties.all[scalar.value] != 0 && scalar.properties.isAlphabetic || scalar.properties.isJoinControl
      || [.nonspacingMark, .enclosingMark, .spacingMark, .decimalNumber, .connectorPunctuation].contains(
        scalar.properties.generalCategory)
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
