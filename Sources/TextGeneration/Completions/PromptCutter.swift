import Tokenization

/// Cuts prompts out of documents: each begins with a paragraph, a line or a sentence and ends where a word does.
struct PromptCutter {
  /// A part of a document to go on from.
  struct Cut: Equatable {
    var text: String
    /// Where it begins in the document, in bytes.
    var offset: Int
  }

  /// The bytes that a token has at most, as far as is looked for the end of a prompt.
  private static let bytesPerToken = 16
  /// How many prompts' lengths lie between one prompt and the next paragraph, at most, before a sentence will do.
  private static let patience = 4

  let tokenizer: any Tokenizer
  /// The tokens of a prompt, about.
  let promptLength: Int

  /// The prompts in `document`, UTF-8. One that the document ends before, or with, is left out.
  func cuts(of document: [UInt8]) -> [Cut] {
    var cuts: [Cut] = []
    var start = Self.textStart(in: document, from: 0)
    while start < document.count, let end = end(of: document, from: start) {
      cuts.append(Cut(text: String(decoding: document[start..<end], as: UTF8.self), offset: start))
      start = next(in: document, after: end, length: end - start)
    }
    return cuts
  }

  /// Where the prompt ends that begins at `start`; nil where no text is left behind it.
  private func end(of document: [UInt8], from start: Int) -> Int? {
    // No document has more tokens than bytes, but for a dummy prefix.
    guard promptLength <= document.count + 1 else { return nil }
    var limit = min(document.count, start + Self.bytesPerToken * (promptLength + 8))
    while limit < document.count, document[limit] & 0xC0 == 0x80 { limit += 1 }
    let text = document[start..<limit]
    let ids = tokenizer.encode(String(decoding: text, as: UTF8.self))
    guard ids.count > promptLength else { return nil }
    // The last token that begins a word, if it is not too early.
    let cut = (max(1, promptLength / 2)...max(1, promptLength)).last { tokenizer.beginsWord(ids[$0]) }
    let length = cut ?? promptLength
    // A tokenizer that normalises may have changed the text: words and characters are counted. The first token may be
    // a space that the text does not have, of which nothing is decoded; a prompt has at least a character.
    let decoded = tokenizer.decode(ids[..<length])
    let end =
      cut == nil
      ? Self.end(ofCharacters: max(1, decoded.unicodeScalars.count), in: document, from: start)
      : Self.end(ofWords: max(1, Self.words(in: decoded)), in: document, from: start)
    return end < document.count ? end : nil
  }

  /// The beginning of the next paragraph or, where that is far away, of the next line, sentence or word.
  private func next(in document: [UInt8], after end: Int, length: Int) -> Int {
    let limit = min(document.count, end + Self.patience * length)
    var (line, sentence): (Int?, Int?)
    for index in end..<limit {
      let byte = document[index]
      guard byte == 0x0A || byte == 0x20, index > 0 else { continue }
      let next = Self.textStart(in: document, from: index)
      if byte == 0x0A, document[index..<next].count(where: { $0 == 0x0A }) > 1 { return next }
      if byte == 0x0A, line == nil { line = next }
      if sentence == nil, Self.endsSentence(document[..<index]) { sentence = next }
    }
    return line ?? sentence ?? Self.textStart(in: document, from: end)
  }

  private static func endsSentence(_ text: ArraySlice<UInt8>) -> Bool {
    let quotes = Set("\"')”’".utf8)
    return text.suffix(8).last { !quotes.contains($0) }.map { Set(".!?".utf8).contains($0) } == true
  }

  /// The first byte from `start` on that is no white space.
  private static func textStart(in document: [UInt8], from start: Int) -> Int {
    document[start...].firstIndex { !isSpace($0) } ?? document.count
  }

  private static func words(in text: String) -> Int { text.split(whereSeparator: \.isWhitespace).count }

  private static func end(ofWords count: Int, in document: [UInt8], from start: Int) -> Int {
    var (words, end) = (0, start)
    while words < count, end < document.count {
      end = textStart(in: document, from: end)
      end = document[end...].firstIndex { isSpace($0) } ?? document.count
      words += 1
    }
    return end
  }

  private static func end(ofCharacters count: Int, in document: [UInt8], from start: Int) -> Int {
    var (characters, end) = (0, start)
    while end < document.count {
      if document[end] & 0xC0 != 0x80 {
        if characters == count { break }
        characters += 1
      }
      end += 1
    }
    return end
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
