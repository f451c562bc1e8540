import Diagnostics
import DurableFiles
import Foundation

extension GGUFTokenizerMetadata {
  /// Texts in which tokenizers differ that are not the same: runs of white space, several scripts, composed and
  /// decomposed letters, numbers, code, characters that no vocabulary has.
  private static let hardTexts = [
    "Hello, world! It's a test: they're, we'LL, don't.", "  two   spaces\tand\ttabs \n\n\n lines \r\n end  ", "",
    " ", "1234567890 3.14159 1,000,000 0x1F 2nd ½ ² Ⅷ", "naïve café, Straße, Ærø, ŁÓDŹ; cafe\u{301} A\u{30A}",
    "Ελληνικά русский עברית العربية हिन्दी ไทย 한국어 日本語、中文。",
    "👩‍👩‍👧‍👦🏳️‍🌈 \u{1F600}\u{10FFFF}\u{E000} \u{FFFD}\u{200B}\u{A0}x",
    "def f(x):\n    return x**2 # αβγ\n\tif (a&&b){c[i]+=1;}",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "MiXeD CaSe WORDS inOneWord snake_case kebab-case https://example.org/?q=a%20b#c \"quoted\" ‘so’ — …",
    "\u{1}\u{7F}\u{85}\u{2028}", "e\u{301}\u{301}\u{323}q\u{307}\u{323}", "…..!!!???---***///\\\\",
    "x\n\ny\n \nz\n  \n",
  ]

  /// Checks that a tokenizer and another one, which was read back from a file, make the same ids of hard texts and of
  /// the text of each token, but for those that are signs to the latter. Throws `value` with the first text that
  /// differs; `file` is the name that the error uses.
  public func requireSameIDs(
    of written: any Tokenizer, as original: any Tokenizer, file: String
  ) throws(TokenizationError) {
    var texts = Self.hardTexts
    var decoder = written.makeDecoder(repairsUTF8: false)
    var bytes: [UInt8] = []
    for id in 0..<Int32(min(original.vocabularySize, written.vocabularySize)) {
      bytes.removeAll(keepingCapacity: true)
      decoder.append(id, to: &bytes)
      if !bytes.isEmpty, !written.keepsWhole(id), !original.keepsWhole(id) { texts.append(original.text(of: id)) }
    }
    texts = preparation.prepared(texts)
    let batch = TextBatch(whole: texts)
    let threads = ProcessInfo.processInfo.activeProcessorCount
    let (before, after) = (original.encode(batch, threads: threads), written.encode(batch, threads: threads))
    guard before != after else { return }
    for index in texts.indices where before.ids(at: index) != after.ids(at: index) {
      throw .value(
        InvalidValue(
          file, "the tokenizer",
          expected: "\(Array(before.ids(at: index))) for \(JSONValue.quoted(texts[index])), as before",
          found: "\(Array(after.ids(at: index)))", advice: "llama.cpp has no tokenizer that is the same"))
    }
  }
}

extension TextBatch {
  /// Whole texts.
  fileprivate init(whole texts: [String]) {
    self.init()
    for text in texts {
      bytes += text.utf8
      ends.append(bytes.count)
      startsText.append(true)
    }
  }
}

extension EncodedBatch {
  /// The ids of a text.
  fileprivate func ids(at index: Int) -> ArraySlice<Int32> { ids[(index == 0 ? 0 : ends[index - 1])..<ends[index]] }
}
