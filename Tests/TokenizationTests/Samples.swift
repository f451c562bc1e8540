import Foundation
import Testing

@testable import Tokenization

/// A small, repeatable generator of random numbers (splitmix64).
struct RepeatableGenerator: RandomNumberGenerator {
  var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Sentences of invented words, some of them frequent, with newlines and double spaces here and there.
func inventedText(sentences: Int, seed: UInt64) -> String {
  var generator = RepeatableGenerator(seed: seed)
  let syllables = ["ba", "lo", "mi", "ter", "son", "qua", "ly", "ré", "ing", "th", "o", "an"]
  let words = (0..<300).map { _ in
    (0..<Int.random(in: 1...4, using: &generator)).map { _ in syllables.randomElement(using: &generator)! }.joined()
  }
  return (0..<sentences).map { number in
    let sentence = (0..<Int.random(in: 3...12, using: &generator)).map { _ in
      // The square makes the first words frequent.
      let draw = Double.random(in: 0..<1, using: &generator)
      return words[Int(draw * draw * 300)]
    }
    return sentence.joined(separator: number.isMultiple(of: 17) ? "  " : " ")
      + (number.isMultiple(of: 5) ? ".\n\n" : ".\n")
  }.joined()
}

/// Any valid Unicode, with what is hard for SentencePiece more often than chance would have it.
func randomUnicode(length: Int, using generator: inout RepeatableGenerator) -> String {
  let hard: [Unicode.Scalar] = [
    " ", " ", " ", "\n", "\t", "\r", "\0", "\u{1}", "\u{7F}", "\u{85}", "\u{A0}", "\u{301}", "\u{2047}", "\u{2581}",
    "\u{2581}", "\u{2585}", "\u{FEFF}", "\u{FFFD}", "\u{FFFF}", "\u{1F469}", "\u{200D}", "\u{1F4BB}", "\u{10FFFF}",
    "<", "s", ">", "0", "x", "é", "a", "b", "o", "l", "ß", "中", "א",
  ]
  var text = String.UnicodeScalarView()
  while text.count < length {
    if Bool.random(using: &generator) {
      text.append(hard.randomElement(using: &generator)!)
    } else if let scalar = Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &generator)) {
      text.append(scalar)
    }
  }
  return String(text)
}

/// Tokenizers of several kinds, trained once.
enum Trained {
  static let text = inventedText(sentences: 3000, seed: 1)
  static let unigram = trained(TokenizerTrainingOptions(vocabularySize: 400))
  static let bpe = trained(TokenizerTrainingOptions(algorithm: .bpe, vocabularySize: 400))
  static let withPrefix = trained(TokenizerTrainingOptions(algorithm: .bpe, vocabularySize: 400, addsDummyPrefix: true))
  static let withoutBytes = trained(
    TokenizerTrainingOptions(vocabularySize: 150, byteFallback: false, userDefinedSymbols: [], addsDummyPrefix: true))
  static let withManySymbols = trained(
    TokenizerTrainingOptions(
      vocabularySize: 420, userDefinedSymbols: ["\n", "\n\n", "<user>", "a,b", "\"", "é"], padID: 3))

  static let lossless = [("unigram", unigram), ("BPE", bpe), ("symbols", withManySymbols)]
  static let removingSpaces = extended(withPrefix, normalizer: [4 << 3, 1])
  /// As SentencePiece trains by default.
  static let standard = trained(byDefault(.bpe))
  static let normalising = trained(byDefault(.unigram))
  static let all =
    lossless + [("prefix", withPrefix), ("no bytes", withoutBytes), ("spaces removed", removingSpaces)]

  private static func byDefault(_ algorithm: TokenizerTrainingOptions.Algorithm) -> TokenizerTrainingOptions {
    var options = TokenizerTrainingOptions(
      algorithm: algorithm, vocabularySize: 150, byteFallback: false, userDefinedSymbols: [], addsDummyPrefix: true)
    (options.normalizationRule, options.removesExtraWhitespace) = ("nmt_nfkc", true)
    return options
  }

  /// `tokenizer` with fields of its normalizer_spec overridden: a message that occurs twice is merged.
  private static func extended(_ tokenizer: SentencePieceTokenizer, normalizer: [UInt8]) -> SentencePieceTokenizer {
    let model = tokenizer.serialized + [3 << 3 | 2, UInt8(normalizer.count)] + normalizer
    do { return try SentencePieceTokenizer(serialized: model) } catch {
      preconditionFailure("cannot change a tokenizer for tests: \(error)")
    }
  }

  private static func trained(_ options: TokenizerTrainingOptions) -> SentencePieceTokenizer {
    do { return try TokenizerTrainer(options).train(on: [text]) } catch {
      preconditionFailure("cannot train a tokenizer for tests: \(error)")
    }
  }
}

extension SentencePieceTokenizer {
  /// What libsentencepiece makes of all of `text` at once.
  func idsByLibrary(_ text: String) -> [Int32] {
    BatchEncoder(start: encoder.start, inner: encoder.inner, spaced: nil, unigram: nil, literalSpace: nil)
      .encode(TextBatch(bytes: Array(text.utf8), ends: [text.utf8.count], startsText: [true]), threads: 1).ids
  }
}

/// Checks that a text that arrives in parts of `size` bytes has the ids of the whole in one call, which no cut can
/// change.
func expectTheSameIDs(
  of text: String, inPartsOf size: Int, by tokenizer: any Tokenizer, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let bytes = Array(text.utf8)
  let whole = tokenizer.encode(TextBatch(bytes: bytes, ends: [bytes.count], startsText: [true]), threads: 1).ids
  #expect(tokenizer.encode(text) == whole, sourceLocation: sourceLocation)
  var encoder = StreamingEncoder(tokenizer, name: "text")
  var ids: [Int32] = []
  for start in stride(from: 0, to: bytes.count, by: size) {
    ids += try encoder.append(Array(bytes[start..<min(start + size, bytes.count)]))
  }
  #expect(try ids + encoder.finish() == whole, sourceLocation: sourceLocation)
}
