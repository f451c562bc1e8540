import Diagnostics

/// What kind of tokenizer to train, and how.
public struct TokenizerTrainingOptions: Hashable, Sendable {
  /// How pieces are chosen, and text cut into them.
  public enum Algorithm: String, Sendable, CaseIterable {
    /// The most probable pieces by a unigram language model (Kudo 2018).
    case unigram
    /// Byte-pair encoding: the most frequent pairs, merged (Sennrich et al. 2016).
    case bpe
  }

  /// How pieces are chosen. Default unigram.
  public var algorithm: Algorithm
  /// The number of pieces, special ones and bytes included. Default 8192.
  public var vocabularySize: Int
  /// Whether 256 pieces stand for the bytes of characters that the vocabulary lacks. Without, such a character becomes
  /// the unknown piece, and the text is lost. Default true.
  public var byteFallback: Bool
  /// The share of the text's characters that become pieces, 0.98 to 1; the rarest are left out. Default 0.9995.
  public var characterCoverage: Double
  /// Texts that are always one piece, and part of no other. Default a newline.
  public var userDefinedSymbols: [String]
  /// Whether a space is put in front of every text, as in Llama's tokenizer. It makes a word at the start of a text
  /// look like one in the middle, at the price of a tokenizer that is not lossless. Default false.
  public var addsDummyPrefix: Bool
  /// Whether every digit is a piece of its own. Default false.
  public var splitsDigits: Bool
  /// The id of the unknown piece, which must exist. Default 0.
  public var unknownID: Int32
  /// The id that begins a text, or `nil` for none. Default 1.
  public var bosID: Int32?
  /// The id that ends a text, or `nil` for none. Default 2.
  public var eosID: Int32?
  /// The id that fills up batches, or `nil`, the default, for none.
  public var padID: Int32?
  /// How many lines to learn from, drawn evenly from all of the text, the same ones every time; more than 100, or
  /// `nil`, the default, for all lines.
  public var sampledLines: Int?
  /// The number of threads, 1 to 128. A unigram model's scores depend on it in their last digits, which is why the
  /// default is 4 and not the machine's number of cores.
  public var threads: Int

  /// The rule by which characters are normalised, as libsentencepiece calls it, and whether spaces at the ends of a
  /// text and runs of them are removed. Ours leave text as it is; tests need tokenizers as others make them.
  var (normalizationRule, removesExtraWhitespace) = ("identity", false)

  /// The defaults: a lossless unigram tokenizer, newline a piece of its own, `<unk>` 0, `<s>` 1, `</s>` 2.
  public init(
    algorithm: Algorithm = .unigram, vocabularySize: Int = 8192, byteFallback: Bool = true,
    characterCoverage: Double = 0.9995, userDefinedSymbols: [String] = ["\n"], addsDummyPrefix: Bool = false,
    splitsDigits: Bool = false, unknownID: Int32 = 0, bosID: Int32? = 1, eosID: Int32? = 2, padID: Int32? = nil,
    sampledLines: Int? = nil, threads: Int = 4
  ) {
    self.algorithm = algorithm
    self.vocabularySize = vocabularySize
    self.byteFallback = byteFallback
    self.characterCoverage = characterCoverage
    self.userDefinedSymbols = userDefinedSymbols
    self.addsDummyPrefix = addsDummyPrefix
    self.splitsDigits = splitsDigits
    self.unknownID = unknownID
    self.bosID = bosID
    self.eosID = eosID
    self.padID = padID
    self.sampledLines = sampledLines
    self.threads = threads
  }

  /// libsentencepiece's names and values for these options.
  func arguments() throws(TokenizationError) -> [(key: String, value: String)] {
    try check()
    return [
      ("model_type", algorithm.rawValue),
      ("vocab_size", "\(vocabularySize)"),
      ("byte_fallback", "\(byteFallback)"),
      ("character_coverage", "\(characterCoverage)"),
      ("user_defined_symbols", userDefinedSymbols.map(Self.quoted).joined(separator: ",")),
      ("add_dummy_prefix", "\(addsDummyPrefix)"),
      ("split_digits", "\(splitsDigits)"),
      ("unk_id", "\(unknownID)"),
      ("bos_id", "\(bosID ?? -1)"),
      ("eos_id", "\(eosID ?? -1)"),
      ("pad_id", "\(padID ?? -1)"),
      ("input_sentence_size", "\(sampledLines ?? 0)"),
      ("shuffle_input_sentence", "true"),
      ("num_threads", "\(threads)"),
      ("normalization_rule_name", normalizationRule),
      ("remove_extra_whitespaces", "\(removesExtraWhitespace)"),
      ("allow_whitespace_only_pieces", "true"),
      ("max_sentence_length", "\(TrainingSentences.longestSentence)"),
      ("train_extremely_large_corpus", "true"),
    ]
  }

  private func check() throws(TokenizationError) {
    func require(
      _ condition: Bool, _ key: String, _ expected: String, _ found: @autoclosure () -> String
    ) throws(TokenizationError) {
      if !condition { throw .value(InvalidValue(key, expected: expected, found: found())) }
    }
    let ids = [("unk-id", unknownID), ("bos-id", bosID), ("eos-id", eosID), ("pad-id", padID)]
    let specialIDs = ids.compactMap(\.1)
    let fixed = specialIDs.count + (byteFallback ? 256 : 0) + userDefinedSymbols.count
    try require(
      vocabularySize > fixed && vocabularySize <= 1 << 24, "vocabulary-size",
      "more than \(fixed) (special pieces, bytes and user-defined symbols) and at most \(1 << 24)", "\(vocabularySize)")
    try require(
      (0.98...1).contains(characterCoverage), "character-coverage", "a share from 0.98 to 1", "\(characterCoverage)")
    try require((1...128).contains(threads), "threads", "a number from 1 to 128", "\(threads)")
    try require(
      sampledLines.map { $0 > 100 && $0 <= Int(Int32.max) } ?? true, "sampled-lines",
      "more than 100 and at most \(Int32.max)", "\(sampledLines ?? 0)")
    for (key, id) in ids {
      guard let id else { continue }
      try require(
        id >= 0 && id < vocabularySize, key,
        "an id from 0 to \(vocabularySize - 1)" + (key == "unk-id" ? "" : ", or -1 for none"), "\(id)")
      let owner = ids.first { $0.1 == id }?.0 ?? key
      try require(owner == key, key, "an id of its own", "\(id), that of \(owner)")
    }
    for symbol in userDefinedSymbols {
      try require(
        !symbol.isEmpty && !symbol.unicodeScalars.contains { ["\0", "\t", " ", "\u{2581}", "\u{2585}"].contains($0) },
        "user-defined-symbols", "texts without space, tab, NUL, U+2581 and U+2585 that are not empty",
        "\"\(symbol)\"")
    }
    try require(
      Set(userDefinedSymbols.map { Array($0.utf8) }).count == userDefinedSymbols.count, "user-defined-symbols",
      "different texts", "one of them twice")
  }

  /// A symbol as a field of comma-separated values.
  private static func quoted(_ symbol: String) -> String {
    guard symbol.utf8.contains(where: { [0x22, 0x2C, 0x0A, 0x0D].contains($0) }) else { return symbol }
    return "\"" + symbol.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }.joined() + "\""
  }
}
