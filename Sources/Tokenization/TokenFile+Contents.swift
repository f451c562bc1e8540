import DurableFiles
public import Foundation

extension TokenFile {
  /// The bytes of a token file of documents as they are: with BOS and EOS where they have them. How many bytes and
  /// words their text has is not known: 0.
  public static func contents(of documents: [TokenizedDocument], tokenizer: any Tokenizer) -> Data {
    var words: [UInt32] = []
    for document in documents where !document.ids.isEmpty {
      let start = words.count
      words += document.ids.map { UInt32(bitPattern: $0) | uncounted }
      for range in document.counted { for place in range { words[start + place] &= ~uncounted } }
      words[start] |= first
    }
    let ids = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    var header = TokenFileHeader(tokenizer: tokenizer.digest, fingerprint: Digest.sha256(of: Data(ids)))
    header.tokens = words.count
    header.countedTokens = documents.reduce(0) { $0 + $1.countedTokens }
    header.counts.documents = documents.count
    return Data(header.encoded + ids)
  }
}
