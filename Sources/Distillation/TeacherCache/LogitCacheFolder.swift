import DurableFiles
public import Foundation

/// The folder of a cache while it is being made: shards appear in it whole or not at all, in any order, and none is ever
/// written again.
///
/// A process that is killed loses the shard it was at. Another one goes on with the shards that are missing.
public struct LogitCacheFolder: Sendable {
  /// Where it is.
  public let url: URL
  /// What the cache is made from.
  public let description: LogitCacheDescription
  /// What it keeps of each distribution.
  public let method: LogitCacheMethod
  /// The digest of the description, which every shard carries.
  let key: String

  /// Makes the folder of a new cache. Throws `file`: where anything stands at `url`, and what the disk refuses.
  public init(creating url: URL, _ description: LogitCacheDescription) throws(LogitCacheError) {
    guard let method = description.knownMethod else { preconditionFailure("a cache of unknown method") }
    let json = try Self.json(description, for: url)
    try LogitCacheError.wrapping { () throws(FileError) in
      do {
        try FileManager.default.createDirectory(
          at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      } catch {
        throw FileError.unwritable(file: url.path, reason: error.localizedDescription)
      }
      try AtomicFile.removeLeftovers(of: url)
      let folder = try AtomicFolder(creating: url)
      try AtomicFile.write(json, to: Self.descriptionFile(in: folder.contents))
      try folder.commit()
    }
    self.url = url
    self.description = description
    self.method = method
    key = Digest.sha256(of: json)
  }

  /// Opens the folder of a cache that was begun, to go on with it; it may be complete. Removes what a killed process left.
  /// Throws `mismatch` naming the first thing in which `description` differs from the one in the folder; `damaged`, `file`.
  public init(resuming url: URL, _ description: LogitCacheDescription) throws(LogitCacheError) {
    try self.init(contentsOf: url)
    if let (key, expected, found) = description.firstDifference(from: self.description) {
      throw .mismatch(cache: url.path, key: key, expected: expected, found: found)
    }
    _ = try LogitCacheError.wrapping { () throws(FileError) in try AtomicFile.removeLeftovers(in: url) }
  }

  /// Opens the folder of a cache, complete or not, and reads its description alone. Throws `file`.
  public init(contentsOf url: URL) throws(LogitCacheError) {
    let file = Self.descriptionFile(in: url)
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw .file(
        .missing(file: file.path, advice: "\(url.path) is no cache; make one with limbeck cache-logits"))
    }
    let json: Data
    do { json = try Data(contentsOf: file) } catch {
      throw .file(.unreadable(file: file.path, reason: error.localizedDescription))
    }
    guard let description = try? LogitCacheDescription(json: json), description.makesSense,
      let method = description.knownMethod
    else {
      throw .file(.unreadable(file: file.path, reason: "it does not describe a cache that this version knows"))
    }
    self.url = url
    self.description = description
    self.method = method
    key = Digest.sha256(of: try Self.json(description, for: url))
  }

  /// The shards that are missing, or cannot be used, ascending: what is still to be made.
  public func unfinishedShards() throws(LogitCacheError) -> [Int] {
    var shards: [Int] = []
    for index in 0..<description.shardCount {
      do throws(LogitCacheError) { _ = try shard(index) } catch {
        switch error {
        case .damaged, .file(.missing): shards.append(index)
        default: throw error
        }
      }
    }
    return shards
  }

  /// Writes a shard, in place of one that cannot be used; its sequences are given by their rows.
  public func write(shard: Int, rows: [[LogitCacheRow]]) throws(LogitCacheError) {
    let coding = LogitCacheRowCoding(method, vocabularySize: description.vocabularySize)
    try LogitCacheShard.write(
      rows.map { coding.bytes(of: $0) }, of: description.sequences(ofShard: shard), key: key, to: file(ofShard: shard))
  }

  /// How many of the shards are there, whole or not.
  var shardsPresent: Int {
    (0..<description.shardCount).count { FileManager.default.fileExists(atPath: file(ofShard: $0).path) }
  }

  func shard(_ index: Int) throws(LogitCacheError) -> LogitCacheShard {
    try LogitCacheShard(
      contentsOf: file(ofShard: index), key: key, sequences: description.sequences(ofShard: index))
  }

  private func file(ofShard index: Int) -> URL {
    let digits = String(index)
    return url.appendingPathComponent(
      "shard-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits + ".rows")
  }

  private static func descriptionFile(in folder: URL) -> URL { folder.appendingPathComponent("cache.json") }

  private static func json(_ description: LogitCacheDescription, for url: URL) throws(LogitCacheError) -> Data {
    do { return try description.json } catch {
      throw .file(.unwritable(file: descriptionFile(in: url).path, reason: error.localizedDescription))
    }
  }
}
