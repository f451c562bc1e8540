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
    for id in 0..<Int32(min(original.vocabularySize, written.vocabularySize)) {
      let isSign = written.keepsWhole(id) || original.keepsWhole(id) || written.decode([id]).isEmpty
      if !isSign { texts.append(original.text(of: id)) }
    }
    texts = preparation.prepared(texts)
    for (text, (ids, others)) in zip(texts, zip(original.encode(texts), written.encode(texts))) where ids != others {
      throw .value(
        InvalidValue(
          file, "the tokenizer", expected: "\(ids) for \(JSONValue.quoted(text)), as before", found: "\(others)",
          advice: "llama.cpp has no tokenizer that is the same"))
    }
  }
}
