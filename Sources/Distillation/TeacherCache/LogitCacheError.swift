public import DurableFiles
public import Foundation

/// What can be wrong with a cache of a teacher's distributions.
public enum LogitCacheError: Error, Equatable, Sendable {
  /// The cache was made for or with something else: `key` says what.
  case mismatch(cache: String, key: String, expected: String, found: String)
  /// Not all of the cache has been made yet, or parts of it have been removed.
  case unfinished(cache: String, shards: Int, of: Int)
  /// A file of the cache is cut short or altered.
  case damaged(file: String, reason: String)
  /// Reading or writing a file failed.
  case file(FileError)
}

extension LogitCacheError: CustomStringConvertible, LocalizedError {
  /// One line for the user: the cache, the cause and the remedy.
  public var description: String {
    switch self {
    case .mismatch(let cache, let key, let expected, let found):
      "\(cache): \(key): expected \(expected), but the cache was made with \(found); "
        + "use what it was made with, or make another cache"
    case .unfinished(let cache, let shards, let total):
      "\(cache): only \(shards) of \(total) shards are there; finish it with limbeck cache-logits … --resume"
    case .damaged(let file, let reason):
      "\(file): \(reason); it is cut short or damaged: limbeck cache-logits … --resume makes it again"
    case .file(let error):
      error.description
    }
  }

  /// The same text as `description`.
  public var errorDescription: String? { description }
}

extension LogitCacheError {
  /// Turns an error about a file into one about a cache.
  static func wrapping<Result>(
    _ body: () throws(FileError) -> Result
  ) throws(LogitCacheError) -> Result {
    do throws(FileError) { return try body() } catch { throw .file(error) }
  }
}
