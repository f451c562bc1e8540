/// A way of cutting text into what is merged apart: one pre-tokenizer of a `tokenizer.json`, scanned by hand. Each
/// cuts into the matches of a regular expression and what lies between them (behaviour `Isolated`).
///
/// A scan asks for the end of the part that begins at a place; it looks at nothing before that place, as no expression
/// here has a look-behind.
enum SplitRule: Sendable {
  /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`: GPT-2's.
  case gpt2
  /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,n}`, then
  /// `| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`: Llama 3's for n = 3, Qwen2's for n = 1, written `\p{N}`.
  case words(digits: Int)
  /// DeepSeek-V3's: ASCII punctuation with a word of ASCII letters, words with marks, punctuation and symbols with line
  /// breaks, white space.
  case deepSeekWords
  /// Each digit by itself.
  case digits
  /// `\p{N}{1,n}`.
  case numbers(upTo: Int)
  /// `[\r\n]`.
  case lineBreaks
  /// `\s+$`, where there are no line breaks.
  case endingSpaces
  /// `[…]+`, or `\s?[…]+`.
  case run(of: ScalarSet, afterSpace: Bool)

  /// Where the part of `text` that begins at `place` ends. `end`, above `place`, is the end of the text.
  @inline(__always) func partEnd(in text: UTF8Text, from place: Int, _ end: Int) -> Int {
    switch self {
    case .gpt2: return text.gpt2End(from: place, end)
    case .words(let digits): return text.wordsEnd(from: place, end, digits: digits)
    case .endingSpaces:
      let start = text.endingSpaces(from: place, end)
      return start > place ? start : end
    default: return isolatedEnd(in: text, from: place, end)
    }
  }

  /// For expressions that leave something between their matches.
  private func isolatedEnd(in text: UTF8Text, from place: Int, _ end: Int) -> Int {
    if let match = matchEnd(in: text, from: place, end) { return match }
    var place = place + text.scalar(at: place, end).length
    while place < end, matchEnd(in: text, from: place, end) == nil { place += text.scalar(at: place, end).length }
    return place
  }

  /// Where the match that begins at `place` ends; nil without one.
  @inline(__always) private func matchEnd(in text: UTF8Text, from place: Int, _ end: Int) -> Int? {
    switch self {
    case .deepSeekWords: return text.deepSeekEnd(from: place, end)
    case .digits:
      let scalar = text.scalar(at: place, end)
      return ScalarProperties.all[scalar.value] & ScalarProperties.digit != 0 ? place + scalar.length : nil
    case .numbers(let limit):
      let match = text.numbersEnd(from: place, end, upTo: limit)
      return match > place ? match : nil
    case .lineBreaks: return text.bytes[place] == 0x0A || text.bytes[place] == 0x0D ? place + 1 : nil
    case .run(let set, let afterSpace):
      let match = set.runEnd(in: text, from: place, end)
      if match > place || !afterSpace {
        // a space that is in the set itself begins the same match
        return match > place ? match : nil
      }
      let scalar = text.scalar(at: place, end)
      guard ScalarProperties.all[scalar.value] & ScalarProperties.space != 0 else { return nil }
      let start = place + scalar.length
      let spaced = set.runEnd(in: text, from: start, end)
      return spaced > start ? spaced : nil
    case .gpt2, .words, .endingSpaces: return nil
    }
  }
}

extension UTF8Text {
  private typealias Properties = ScalarProperties

  fileprivate func gpt2End(from place: Int, _ end: Int) -> Int {
    let first = bytes[place]
    if first == UInt8(ascii: "'"), let contraction = contractionEnd(from: place, end, ignoresCase: false) {
      return contraction
    }
    let start = first == 0x20 && place + 1 < end ? place + 1 : place
    let bits = bits(at: start, end)
    if bits & Properties.letter != 0 { return run(from: start, end, of: Properties.letter) }
    if bits & Properties.number != 0 { return run(from: start, end, of: Properties.number) }
    if bits & Properties.space == 0 {
      return run(from: start, end, without: Properties.letter | Properties.number | Properties.space)
    }
    return spacesEnd(from: place, end, run: run(from: start, end, of: Properties.space))
  }

  fileprivate func wordsEnd(from place: Int, _ end: Int, digits: Int) -> Int {
    let first = bytes[place]
    if first == UInt8(ascii: "'"), let contraction = contractionEnd(from: place, end, ignoresCase: true) {
      return contraction
    }
    let scalar = scalar(at: place, end)
    let bits = ScalarProperties.all[scalar.value]
    let next = place + scalar.length
    if bits & Properties.letter != 0 { return run(from: next, end, of: Properties.letter) }
    if bits & Properties.number != 0 { return numbersEnd(from: place, end, upTo: digits) }
    let nextBits = next < end ? self.bits(at: next, end) : Properties.space
    if nextBits & Properties.letter != 0, first != 0x0A, first != 0x0D {
      return run(from: next, end, of: Properties.letter)
    }
    let isOther = { (bits: Properties.Bits) in
      bits & (Properties.letter | Properties.number | Properties.space) == 0
    }
    if isOther(bits) || (first == 0x20 && isOther(nextBits)) {
      let others = run(from: next, end, without: Properties.letter | Properties.number | Properties.space)
      return lineBreaksEnd(from: others, end)
    }
    return breakingSpacesEnd(from: place, end)
  }

  fileprivate func deepSeekEnd(from place: Int, _ end: Int) -> Int? {
    let first = bytes[place]
    let scalar = scalar(at: place, end)
    let bits = ScalarProperties.all[scalar.value]
    let next = place + scalar.length
    if next < end, Self.isASCIIPunctuation(first), Self.isASCIILetter(bytes[next]) {
      var place = next
      while place < end, Self.isASCIILetter(bytes[place]) { place += 1 }
      return place
    }
    let (word, sign) = (Properties.letter | Properties.mark, Properties.punctuation | Properties.symbol)
    if bits & word != 0 { return run(from: next, end, of: word) }
    let nextBits = next < end ? self.bits(at: next, end) : 0
    if bits & sign == 0, first != 0x0A, first != 0x0D, nextBits & word != 0 { return run(from: next, end, of: word) }
    if bits & sign != 0 || (first == 0x20 && nextBits & sign != 0) {
      return lineBreaksEnd(from: run(from: next, end, of: sign), end)
    }
    return bits & Properties.space != 0 ? breakingSpacesEnd(from: place, end) : nil
  }

  /// `\p{N}{1,limit}`; `place` itself where there is no number.
  fileprivate func numbersEnd(from place: Int, _ end: Int, upTo limit: Int) -> Int {
    var (place, count) = (place, 0)
    while place < end, count < limit {
      let scalar = scalar(at: place, end)
      guard ScalarProperties.all[scalar.value] & Properties.number != 0 else { break }
      place += scalar.length
      count += 1
    }
    return place
  }

  /// The contraction at an apostrophe: `'s|'t|'re|'ve|'m|'ll|'d`. Without case, U+017F, the long s, is an s, too.
  private func contractionEnd(from place: Int, _ end: Int, ignoresCase: Bool) -> Int? {
    func letter(_ place: Int) -> UInt8 {
      guard place < end else { return 0 }
      let byte = bytes[place]
      return ignoresCase && (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
    }
    switch letter(place + 1) {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return place + 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"): return letter(place + 2) == UInt8(ascii: "e") ? place + 3 : nil
    case UInt8(ascii: "l"): return letter(place + 2) == UInt8(ascii: "l") ? place + 3 : nil
    case 0xC5: return ignoresCase && letter(place + 2) == 0xBF ? place + 3 : nil
    default: return nil
    }
  }

  /// `[\r\n]*`.
  private func lineBreaksEnd(from place: Int, _ end: Int) -> Int {
    var place = place
    while place < end, bytes[place] == 0x0A || bytes[place] == 0x0D { place += 1 }
    return place
  }

  /// `\s*[\r\n]+|\s+(?!\S)|\s+`, at white space.
  private func breakingSpacesEnd(from place: Int, _ end: Int) -> Int {
    let runEnd = run(from: place, end, of: Properties.space)
    var last = runEnd
    while last > place, bytes[last - 1] != 0x0A, bytes[last - 1] != 0x0D { last -= 1 }
    return last > place ? last : spacesEnd(from: place, end, run: runEnd)
  }

  /// `\s+(?!\S)|\s+`, for the white space from `place` to `runEnd`: all of it at the end of a text, or where it is one
  /// character; else all but the last one.
  private func spacesEnd(from place: Int, _ end: Int, run runEnd: Int) -> Int {
    if runEnd == end { return runEnd }
    var last = runEnd - 1
    while last > place, bytes[last] & 0xC0 == 0x80 { last -= 1 }
    return last > place ? last : runEnd
  }

  /// Where the white space begins that the text from `place` to `end` ends with.
  fileprivate func endingSpaces(from place: Int, _ end: Int) -> Int {
    var start = end
    while start > place {
      var before = start - 1
      while before > place, bytes[before] & 0xC0 == 0x80 { before -= 1 }
      guard bits(at: before, start) & Properties.space != 0 else { break }
      start = before
    }
    return start
  }

  static func isASCIILetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }

  private static func isASCIIPunctuation(_ byte: UInt8) -> Bool {
    (0x21...0x2F).contains(byte) || (0x3A...0x40).contains(byte) || (0x5B...0x60).contains(byte)
      || (0x7B...0x7E).contains(byte)
  }
}
