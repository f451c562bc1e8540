import DurableFiles
import Foundation

/// How text is cut into what is merged apart: the `pre_tokenizer` of a `tokenizer.json`, one of a list of those that
/// models have. Files are compared with the list as a whole: a pattern that differs in one sign cuts differently.
struct PreTokenizer: Sendable {
  /// Whose it is.
  let name: String
  /// The rules: what one leaves whole the next one cuts.
  let rules: [SplitRule]
  /// Whether a space is put in front of a text that begins without one.
  var addsPrefixSpace = false
  /// Where text may be cut.
  let cuts: Cuts
  /// As a file has it, without what has no effect on ids.
  fileprivate(set) var json: JSONValue

  /// Where the parts of a text are cut as they are in the whole of it. A place is safe if every rule cuts there,
  /// whatever precedes, and cuts what precedes as it would were more to follow. With P any sign of `Cuts.signs`:
  ///
  /// - Between a letter and P, all rules: no class of characters has both, so that what ends with the letter ends
  ///   there, and no alternative goes on from a letter to P. Nothing looks ahead but `(?!\S)` after white space, whose
  ///   answer lies before the letter. (DeepSeek-LLM's punctuation has `:-~`, with A to Z in it, but those letters and
  ///   their full-width forms are cut off by the rule before; its `ࠀ-一` has 、 and 。, cut off by then, too.)
  /// - `words`: between a character that is no white space and a space. All alternatives begin at most with a space,
  ///   `[\r\n]*` takes none, and what begins with a space is matched whatever precedes. `Digits` and `\p{N}{1,3}`
  ///   cut within digits alone.
  /// - `words`: between a letter and a line break, for the same reasons. (Punctuation takes line breaks.)
  /// - `lines`: beside a line feed, which the first rule makes a part by itself. `\s+$` sees the end of what precedes
  ///   both ways. (Not before spaces: what the rules leave between their matches may hold some.)
  ///
  /// P and a space begin no sequence that is normalised with what precedes, and no letter becomes white space by that.
  enum Cuts: Sendable {
    case words
    case lines

    static let signs = Set(",.!?;:，。、！？".unicodeScalars.map(\.value))
  }

  /// The pre-tokenizer of a file, which must be one of the list. Throws `value` with what was found, all of it.
  init(_ file: TokenizerJSON) throws(TokenizationError) {
    let (plain, addsPrefixSpace) = Self.plain(file.preTokenizer)
    // as bytes: strings are equal where the composition of their characters alone differs
    let text = Array(plain.text().utf8)
    guard var found = Self.known.first(where: { $0.json.text().utf8.elementsEqual(text) }) else {
      let names = Self.known.map(\.name).joined(separator: "; ")
      throw file.invalid(
        "pre_tokenizer", expected: "one of a family that is known (\(names))", found: file.preTokenizer.text())
    }
    found.addsPrefixSpace = addsPrefixSpace
    self = found
  }

  private init(_ name: String, _ rules: [SplitRule], _ cuts: Cuts, _ json: String) {
    (self.name, self.rules, self.cuts) = (name, rules, cuts)
    do { self.json = Self.plain(try JSONValue(parsing: Array(json.utf8), file: name)).json } catch {
      preconditionFailure("\(error)")
    }
  }

  /// A pre-tokenizer without what has no effect on ids (`trim_offsets`), its defaults filled in (`use_regex` is true
  /// where files of before 2022 lack it), and what is said of a space in front apart.
  private static func plain(_ value: JSONValue) -> (json: JSONValue, addsPrefixSpace: Bool) {
    guard case .object(var members) = value else { return (value, false) }
    var addsPrefixSpace = false
    if case .array(let steps) = members["pretokenizers"] {
      let plain = steps.map(plain)
      // a step that puts spaces in front of the parts of another is none that is known
      if plain.contains(where: \.addsPrefixSpace) { return (value, false) }
      members["pretokenizers"] = .array(plain.map(\.json))
    }
    if members["type"] == .string("ByteLevel") {
      members["trim_offsets"] = nil
      addsPrefixSpace = members["add_prefix_space"] == .bool(true)
      if addsPrefixSpace { members["add_prefix_space"] = .bool(false) }
      if members["use_regex"] == nil { members["use_regex"] = .bool(true) }
    }
    return (.object(members), addsPrefixSpace)
  }

  /// Moves `place` to a place where the text may be cut: see `Tokenizer.moveToCut`.
  func moveToCut(_ place: inout Int, in text: borrowing Span<UInt8>) -> Bool {
    text.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress else { return false }
      let (source, end) = (UTF8Text(base), bytes.count)
      while place < end {
        if base[place] & 0xC0 != 0x80 {
          // a character whose end has not arrived yet
          let lead = base[place]
          guard place + (lead < 0xC2 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4) <= end else { return false }
          if mayCut(source, place, end) { return true }
        }
        place += 1
      }
      return false
    }
  }

  private func mayCut(_ text: UTF8Text, _ place: Int, _ end: Int) -> Bool {
    var before = place - 1
    while before > 0, text.bytes[before] & 0xC0 == 0x80 { before -= 1 }
    let right = text.scalar(at: place, end).value
    let left = text.bits(at: before, place)
    let isAfterLetter = left & ScalarProperties.letter != 0
    if isAfterLetter, Cuts.signs.contains(right) { return true }
    switch cuts {
    case .words: return (right == 0x20 && left & ScalarProperties.space == 0) || (right == 0x0A && isAfterLetter)
    case .lines: return right == 0x0A || text.bytes[place - 1] == 0x0A
    }
  }
}

extension PreTokenizer {
  /// The pre-tokenizers that are known.
  static let known: [PreTokenizer] = [
    gpt2, digitsAndGPT2, qwen2, llama3, deepSeekV3, deepSeekLLM, deepSeekCoder,
  ]

  private static let byteLevel = #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}"#

  /// A `Sequence` of steps.
  private static func sequence(_ steps: String...) -> String {
    #"{"type":"Sequence","pretokenizers":["# + steps.joined(separator: ",") + "]}"
  }

  /// A step `Split`.
  private static func split(_ pattern: String) -> String {
    #"{"type":"Split","pattern":{"Regex":"# + JSONValue.quoted(pattern) + #"},"behavior":"Isolated","invert":false}"#
  }

  /// The pattern of Llama 3 and Qwen2, which differ in what they take for a number.
  private static func words(number: String) -> String {
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + number
      + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  /// GPT-2, Pythia, OLMo.
  static let gpt2 = PreTokenizer(
    "GPT-2", [.gpt2], .words, #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}"#)

  /// SmolLM, StarCoder, Granite 3.
  static let digitsAndGPT2 = PreTokenizer(
    "SmolLM and StarCoder", [.digits, .gpt2], .words,
    sequence(
      #"{"type":"Digits","individual_digits":true}"#,
      #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}"#))

  /// Qwen2, Qwen2.5, Qwen3, DeepSeek-R1-Distill-Qwen.
  static let qwen2 = PreTokenizer(
    "Qwen2", [.words(digits: 1)], .words,
    sequence(
      split(words(number: #"\p{N}"#)), byteLevel))

  /// Llama 3 to 3.3, SmolLM3, DeepSeek-R1-Distill-Llama.
  static let llama3 = PreTokenizer(
    "Llama 3", [.words(digits: 3)], .words,
    sequence(
      split(words(number: #"\p{N}{1,3}"#)), byteLevel))

  /// DeepSeek-V3, DeepSeek-R1.
  static let deepSeekV3 = PreTokenizer(
    "DeepSeek-V3",
    [.numbers(upTo: 3), .run(of: ScalarSet(characters: "一-龥\u{3040}-ゟ゠-ヿ"), afterSpace: false), .deepSeekWords],
    .words,
    sequence(
      split(#"\p{N}{1,3}"#), split("[一-龥\u{3040}-ゟ゠-ヿ]+"),
      split(
        ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^"## + "\r\n"
          + #"\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+["# + "\r\n" + #"]*|\s*["# + "\r\n"
          + #"]+|\s+(?!\S)|\s+"#), byteLevel))

  /// Letters that have a case, in DeepSeek-LLM's pattern.
  private static let casedLetters =
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿ\u{386}\u{388}-\u{38A}\u{38C}\u{38E}-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚ"
    + "Ḁ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u{1F7D}ᾀ-ᾴᾶ-ᾼ\u{1FBE}ῂ-ῄῆ-ῌῐ-\u{1FD3}ῖ-\u{1FDB}ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u{2126}ℨ\u{212A}-ℭ"
    + "ℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ"
    + "𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"
  private static let punctuation = "!-/:-~！-／：-～‘-‟\u{3000}-。"
  private static let eastAsian = "一-龥ࠀ-一가-\u{D7FF}"

  /// DeepSeek-LLM, DeepSeek-V2, DeepSeek-Coder-V2.
  static let deepSeekLLM = PreTokenizer(
    "DeepSeek-LLM",
    [
      .lineBreaks, .run(of: ScalarSet(characters: casedLetters), afterSpace: true),
      .run(of: ScalarSet(characters: punctuation), afterSpace: true), .endingSpaces,
      .run(of: ScalarSet(characters: eastAsian), afterSpace: false), .digits,
    ], .lines,
    sequence(
      split("[\r\n]"), split(#"\s?["# + casedLetters + "]+"), split(#"\s?["# + punctuation + "]+"), split(#"\s+$"#),
      split("[" + eastAsian + "]+"), #"{"type":"Digits","individual_digits":true}"#, byteLevel))

  /// DeepSeek-Coder.
  static let deepSeekCoder = PreTokenizer(
    "DeepSeek-Coder",
    [
      .lineBreaks, .run(of: ScalarSet(ScalarProperties.letter), afterSpace: true),
      .run(of: ScalarSet(ScalarProperties.punctuation), afterSpace: true),
      .run(of: ScalarSet(characters: eastAsian), afterSpace: false), .digits,
    ], .lines,
    sequence(
      split("[\r\n]"), split(#"\s?\p{L}+"#), split(#"\s?\p{P}+"#), split("[" + eastAsian + "]+"),
      #"{"type":"Digits","individual_digits":true}"#, byteLevel))
}
