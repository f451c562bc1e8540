/// The lines of text that arrives in parts, as sentences for libsentencepiece to learn from. A line longer than
/// `longestSentence` is taken in several, and so is one with a longer word than `longestWord`.
final class TrainingSentences {
  static let longestSentence = 1 << 16
  /// libsentencepiece 0.1.97 crashes on words of more than 32,768 characters, the spaces before them included.
  static let longestWord = 1 << 13

  /// Why the text ended early.
  private(set) var failure: TokenizationError?
  private let nextPart: () throws(TokenizationError) -> [UInt8]?
  private let userDefined: Set<Unicode.Scalar>
  private var pending: [UInt8] = []
  private var position = 0
  private var isAtEnd = false
  /// Sentences read while looking for a learnable character, last first.
  private var readAhead: [[UInt8]] = []
  /// What C sees; it stays valid until the next call.
  private var current: UnsafeMutableBufferPointer<CChar> = .init(start: nil, count: 0)

  init(userDefined: [String], _ nextPart: @escaping () throws(TokenizationError) -> [UInt8]?) {
    self.userDefined = Set(userDefined.flatMap(\.unicodeScalars))
    self.nextPart = nextPart
  }

  deinit { current.deallocate() }

  /// Whether some sentence has a character that is no part of a user-defined symbol, and none of those that
  /// libsentencepiece leaves out (NUL and tab, which its own bookkeeping uses). Reads no further than to the first.
  func findsLearnableCharacter() throws(TokenizationError) -> Bool {
    var skipped: [[UInt8]] = []
    defer { readAhead = skipped.reversed() }
    while let sentence = try nextSentence() {
      skipped.append(sentence)
      // libsentencepiece skips sentences with U+2585, by which it marks unknown text.
      let text = String(decoding: sentence, as: UTF8.self).unicodeScalars
      if !text.contains("\u{2585}"), text.contains(where: { !["\0", "\t"].contains($0) && !userDefined.contains($0) }) {
        return true
      }
    }
    return false
  }

  /// Sets the next sentence; returns false at the end or after a failure, which is kept.
  func next(_ bytes: inout UnsafePointer<CChar>?, _ size: inout Int) -> Bool {
    guard failure == nil else { return false }
    do throws(TokenizationError) {
      guard let sentence = readAhead.isEmpty ? try nextSentence() : readAhead.removeLast() else { return false }
      current.deallocate()
      current = .allocate(capacity: sentence.count)
      _ = current.initialize(from: sentence.lazy.map { CChar(bitPattern: $0) })
      bytes = UnsafePointer(current.baseAddress)
      size = sentence.count
      return true
    } catch {
      failure = error
      return false
    }
  }

  /// The next line that is not empty, without its newline.
  private func nextSentence() throws(TokenizationError) -> [UInt8]? {
    while true {
      if let end = pending[position...].firstIndex(of: 0x0A) ?? (isAtEnd ? pending.count : nil) {
        guard position < pending.count else { return nil }
        let line = pending[position..<min(end, position + Self.longestSentence)]
        let sentence = Array(Self.withoutLongWords(line.endIndex == end ? line : Self.wholeWords(line)))
        position += sentence.count
        if position == end, end < pending.count { position += 1 }
        if !sentence.isEmpty { return sentence }
      } else if pending.count - position > Self.longestSentence {
        let line = pending[position..<position + Self.longestSentence]
        let sentence = Array(Self.withoutLongWords(Self.wholeWords(line)))
        position += sentence.count
        return sentence
      } else {
        pending.removeFirst(position)
        position = 0
        if let part = try nextPart() { pending += part } else { isAtEnd = true }
      }
    }
  }

  /// `line` up to the place at which a word, or a run of spaces, is longer than it may be.
  private static func withoutLongWords(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard line.count > longestWord else { return line }
    var (start, isSpace) = (line.startIndex, false)
    for index in line.indices {
      if (line[index] == 0x20) != isSpace { (start, isSpace) = (index, !isSpace) }
      if index - start >= longestWord, line[index] & 0xC0 != 0x80 { return line[..<index] }
    }
    return line
  }

  /// `line` up to its last space or, without one, its last complete character.
  private static func wholeWords(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    if let space = line.lastIndex(of: 0x20), space > line.startIndex { return line[..<space] }
    let lastLead = line.lastIndex { $0 & 0xC0 != 0x80 } ?? line.endIndex
    return lastLead > line.startIndex ? line[..<lastLead] : line
  }
}
