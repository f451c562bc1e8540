import DurableFiles
public import Foundation

/// A teacher's distributions over the next token for every counted token of a text: a folder with `cache.json` and
/// shards, memory-mapped.
///
/// The cache knows what it was made from; `require` compares. Opening it checks every byte.
public struct LogitCache: Sendable {
  /// Where it is.
  public let url: URL
  /// What it was made from.
  public let description: LogitCacheDescription
  /// What it keeps of each distribution.
  public let method: LogitCacheMethod
  /// Stands for all that the cache holds.
  public let digest: String
  private let shards: [LogitCacheShard]
  private let coding: LogitCacheRowCoding

  /// The size of all shards, in bytes.
  public var byteCount: Int { shards.reduce(0) { $0 + $1.byteCount } }

  /// Opens a complete cache and checks all of it. Throws `unfinished`, `damaged` or `file`.
  public init(contentsOf url: URL) throws(LogitCacheError) {
    let folder = try LogitCacheFolder(contentsOf: url)
    let present = folder.shardsPresent
    guard present == folder.description.shardCount else {
      throw .unfinished(cache: url.path, shards: present, of: folder.description.shardCount)
    }
    self.url = url
    description = folder.description
    method = folder.method
    var shards: [LogitCacheShard] = []
    var digests = folder.key
    for index in 0..<present {
      let shard = try folder.shard(index)
      shards.append(shard)
      digests += shard.digest
    }
    self.shards = shards
    digest = Digest.sha256(of: Data(digests.utf8))
    coding = LogitCacheRowCoding(method, vocabularySize: description.vocabularySize)
  }

  /// The rows of a sequence's counted tokens, of which there are `count`, where the method is sparse.
  public func rows(ofSequence sequence: Int, count: Int) -> [LogitCacheRow] {
    precondition(sequence >= 0 && sequence < description.sequenceCount, "sequence \(sequence) of \(url.path)")
    let (shard, index) = sequence.quotientAndRemainder(dividingBy: description.sequencesPerShard)
    return shards[shard].withRows(ofSequence: index) { coding.rows(count, in: $0) }
  }

  /// The codes [V] of the log-probabilities of a sequence's `row`-th counted token, where the method keeps all of them.
  public func withCodes<Result>(
    ofSequence sequence: Int, row: Int, _ body: (Span<UInt16>) -> Result
  ) -> Result {
    precondition(method == .dense16, "a cache of \(method) has no rows of all tokens")
    precondition(sequence >= 0 && sequence < description.sequenceCount, "sequence \(sequence) of \(url.path)")
    let (shard, index) = sequence.quotientAndRemainder(dividingBy: description.sequencesPerShard)
    return shards[shard].withCodes(ofSequence: index, row: row, count: description.vocabularySize, body)
  }

  /// Throws `mismatch` unless `found`, of the cache, is what is expected.
  public func require(_ key: String, _ expected: String, _ found: String) throws(LogitCacheError) {
    guard expected == found else {
      throw .mismatch(cache: url.path, key: key, expected: expected, found: found)
    }
  }
}
