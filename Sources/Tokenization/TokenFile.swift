import DurableFiles
public import Foundation

/// A corpus as ids, in a memory-mapped file: tokenised once, read many times, larger than memory if need be.
///
/// Documents lie one after another, each as BOS, text, EOS (as far as the tokenizer has them; a text that was cut off
/// has no EOS). Every id knows whether it counts in the loss when it is the label to be predicted: prompts do not, nor
/// does BOS, for which nothing in the document before gives a reason. It also knows whether it is the first one of a
/// document, which the ids alone do not tell: a chat template may put BOS or EOS between the turns of one chat.
///
/// The file: a header of 192 bytes, then the ids as 32-bit little-endian numbers, whose highest bit means "does not
/// count in the loss", and the next one "is the first of a document".
public final class TokenFile: Sendable {
  /// Where the file is.
  public let url: URL
  /// The number of ids.
  public var count: Int { header.tokens }
  /// The number of ids that count in the loss.
  public var countedTokens: Int { header.countedTokens }
  /// Bytes, words and documents of the text that counts in the loss.
  public var counts: TextCounts { header.counts }
  /// Whether the file was there already, made from the same text with the same tokenizer.
  public let wasReused: Bool

  private let header: TokenFileHeader
  private let words: MappedElements<UInt32>

  /// Opens a token file made with `tokenizer`, and checks all of it. Throws `file`, `corruptTokenFile` or
  /// `tokenFileOfAnotherTokenizer`.
  public convenience init(contentsOf url: URL, tokenizer: any Tokenizer) throws(TokenizationError) {
    try self.init(contentsOf: url, tokenizer: tokenizer, wasReused: true)
  }

  init(contentsOf url: URL, tokenizer: any Tokenizer, wasReused: Bool) throws(TokenizationError) {
    func corrupt(_ reason: String) -> TokenizationError { .corruptTokenFile(file: url.path, reason: reason) }
    let file = try TokenizationError.wrapping { () throws(FileError) in try MappedFile(contentsOf: url) }
    let content = file.withBytes { bytes in
      bytes.extracting(0..<min(TokenFileHeader.size, bytes.byteCount)).withUnsafeBytes { Array($0) }
    }
    guard let header = TokenFileHeader(content) else { throw corrupt("it does not start as a token file does") }
    guard header.tokenizer == tokenizer.digest else {
      throw .tokenFileOfAnotherTokenizer(file: url.path, expected: tokenizer.digest, found: header.tokenizer)
    }
    let (rest, unit) = (file.count - TokenFileHeader.size, MemoryLayout<UInt32>.size)
    guard rest.isMultiple(of: unit), rest / unit == header.tokens else {
      throw corrupt(
        "expected \(header.tokens) ids, found bytes for \(Double(rest) / Double(unit)): is it truncated?")
    }
    words = try TokenizationError.wrapping { () throws(FileError) in
      try file.elements(of: UInt32.self, at: TokenFileHeader.size, count: header.tokens)
    }
    let vocabularySize = UInt32(tokenizer.vocabularySize)
    let (foreign, counted) = words.withSpan { words in
      var counted = 0
      for position in words.indices {
        let word = UInt32(littleEndian: words[position])
        if word & Self.idMask >= vocabularySize { return (position, counted) }
        if word & Self.uncounted == 0 { counted += 1 }
      }
      return (-1, counted)
    }
    guard foreign < 0 else {
      throw corrupt(
        "id \(words[foreign] & Self.idMask) at position \(foreign), but the vocabulary has \(vocabularySize) tokens")
    }
    guard counted == header.countedTokens else {
      throw corrupt("expected \(header.countedTokens) counted ids, found \(counted)")
    }
    self.url = url
    self.wasReused = wasReused
    self.header = header
  }

  /// The id at `position` in `0..<count`.
  public subscript(position: Int) -> Int32 { Int32(UInt32(littleEndian: words[position]) & Self.idMask) }

  /// Whether the id at `position` in `0..<count` counts in the loss as the label to be predicted.
  public func countsInLoss(_ position: Int) -> Bool { UInt32(littleEndian: words[position]) & Self.uncounted == 0 }

  /// Whether the id at `position` in `0..<count` is the first one of a document.
  public func beginsDocument(_ position: Int) -> Bool { UInt32(littleEndian: words[position]) & Self.first != 0 }

  /// The ids at `range`, which must lie in `0..<count`.
  public func ids(_ range: Range<Int>) -> [Int32] {
    words.withSpan { words in range.map { Int32(UInt32(littleEndian: words[$0]) & Self.idMask) } }
  }

  /// Writes the ids at `range`, which must lie in `0..<count`, into `ids` from index `start` on.
  public func copy(_ range: Range<Int>, into ids: inout [Int32], at start: Int = 0) {
    words.withSpan { words in
      for position in range {
        ids[start + position - range.lowerBound] = Int32(UInt32(littleEndian: words[position]) & Self.idMask)
      }
    }
  }

  static let uncounted: UInt32 = 1 << 31
  static let first: UInt32 = 1 << 30
  static let idMask: UInt32 = first - 1

  /// What the file was made from: a digest of the text and of how it is read.
  var fingerprint: String { header.fingerprint }
}

/// The first 192 bytes of a token file.
struct TokenFileHeader {
  static let size = 192
  /// With the format's version.
  private static let magic = Array("LMBKTOK2".utf8)

  var tokenizer: TokenizerDigest
  var fingerprint: String
  var tokens = 0
  var countedTokens = 0
  var counts = TextCounts()

  init(tokenizer: TokenizerDigest, fingerprint: String) {
    self.tokenizer = tokenizer
    self.fingerprint = fingerprint
  }

  /// `nil` if `bytes` are no header.
  init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.size, bytes.starts(with: Self.magic),
      let tokenizer = String(validating: bytes[8..<72], as: UTF8.self),
      let fingerprint = String(validating: bytes[72..<136], as: UTF8.self)
    else { return nil }
    func number(_ offset: Int) -> Int? {
      Int(exactly: (0..<8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64(bytes[offset + $1]) })
    }
    guard let tokens = number(136), let countedTokens = number(144), let documents = number(152),
      let byteCount = number(160), let words = number(168)
    else { return nil }
    self.init(tokenizer: TokenizerDigest(hexadecimal: tokenizer), fingerprint: fingerprint)
    (self.tokens, self.countedTokens) = (tokens, countedTokens)
    (counts.documents, counts.bytes, counts.words) = (documents, byteCount, words)
  }

  var encoded: [UInt8] {
    var bytes = Self.magic + tokenizer.hexadecimal.utf8 + fingerprint.utf8
    for number in [tokens, countedTokens, counts.documents, counts.bytes, counts.words] {
      withUnsafeBytes(of: UInt64(number).littleEndian) { bytes += $0 }
    }
    return bytes + Array(repeating: 0, count: Self.size - bytes.count)
  }
}
