public import DurableFiles
import Foundation
public import Tokenization

/// A second kind of tokenizer, as unlike SentencePiece as it can be: ids 0 to 255 are bytes, then come BOS, EOS and a
/// token for every pair of bytes in `pairs`, which are merged from left to right. There is neither an unknown token nor
/// PAD.
public struct ByteTokenizer: Tokenizer {
  /// The bytes of the tokens after EOS, two each.
  public let pairs: [[UInt8]]

  /// A tokenizer with a token for each of `pairs`, which must be of two bytes.
  public init(pairs: [String] = ["th", "e ", "\n\n"]) { self.pairs = pairs.map { Array($0.utf8) } }

  public var vocabularySize: Int { 258 + pairs.count }
  public var bosID: Int32? { 256 }
  public var eosID: Int32? { 257 }
  public var padID: Int32? { nil }
  public var unknownID: Int32? { nil }

  public func spelling(of id: Int32) -> String { text(of: id) }
  public func text(of id: Int32) -> String {
    switch id {
    case 256: "<begin>"
    case 257: "<end>"
    default: String(decoding: bytes(of: id), as: UTF8.self)
    }
  }
  public func details(of id: Int32) -> [TokenizerFact] {
    [TokenizerFact("bytes", bytes(of: id).map { String($0) }.joined(separator: " "))]
  }
  public var settings: [TokenizerFact] { [TokenizerFact("kind", "bytes")] }
  public var isLossless: Bool { true }

  public func encode(_ batch: TextBatch, threads: Int) -> EncodedBatch {
    var encoded = EncodedBatch()
    var place = 0
    for end in batch.ends {
      while place < end {
        let pair = place + 1 < end ? pairs.firstIndex(of: Array(batch.bytes[place...place + 1])) : nil
        encoded.ids.append(pair.map { Int32(258 + $0) } ?? Int32(batch.bytes[place]))
        place += pair == nil ? 1 : 2
      }
      encoded.ends.append(encoded.ids.count)
    }
    return encoded
  }

  public func moveToCut(_ place: inout Int, in text: borrowing Span<UInt8>) -> Bool {
    while place < text.count {
      if !pairs.contains([text[place - 1], text[place]]) { return true }
      place += 1
    }
    return false
  }

  public func makeDecoder(repairsUTF8: Bool) -> any TokenDecoder {
    ByteDecoder(tokenizer: self, assembler: repairsUTF8 ? UTF8Assembler() : nil)
  }

  public var digest: TokenizerDigest {
    TokenizerDigest(hexadecimal: Digest.sha256(of: Data(Array("bytes".utf8) + pairs.joined())))
  }
  public var files: [NamedFile] {
    [
      NamedFile(name: "pairs.txt", contents: Data(pairs.joined())),
      NamedFile(name: "bytes.txt", contents: Data("256".utf8)),
    ]
  }

  fileprivate func bytes(of id: Int32) -> [UInt8] {
    switch id {
    case 0..<256: [UInt8(id)]
    case 258..<Int32(vocabularySize): pairs[Int(id) - 258]
    default: []
    }
  }
}

private struct ByteDecoder: TokenDecoder {
  let tokenizer: ByteTokenizer
  var assembler: UTF8Assembler?

  mutating func append(_ id: Int32, to bytes: inout [UInt8]) {
    for byte in tokenizer.bytes(of: id) {
      if assembler == nil { bytes.append(byte) } else { assembler?.append(byte, to: &bytes) }
    }
  }

  mutating func finish(to bytes: inout [UInt8]) { assembler?.finish(to: &bytes) }
}
