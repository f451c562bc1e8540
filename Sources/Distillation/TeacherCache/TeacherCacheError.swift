public import Diagnostics
public import DurableFiles
public import Foundation

/// Why a cache of a teacher's distributions cannot be made, read or learnt from.
public enum TeacherCacheError: Error, Equatable, Sendable {
  /// A value that makes no sense, or differs from the one that the cache was made with.
  case value(InvalidValue)
  /// Reading or writing a file failed.
  case file(FileError)
  /// Not all of the cache has been made yet, or parts of it have been removed.
  case unfinished(cache: String, files: Int, of: Int)
  /// A file of the cache is cut short or altered.
  case damaged(file: String, reason: String)
  /// The teacher's logits at a token are NaN or infinite.
  case notFinite(sequence: Int, position: Int)
  /// A cache that has only a few tokens of each distribution, with a divergence or weights of tokens that need all.
  case needsWholeDistribution(cache: String, method: String)
  /// A cache has probabilities, and the objective compares logits.
  case needsLogits(cache: String)
}

extension TeacherCacheError: CustomStringConvertible, LocalizedError {
  /// One line for the user: the cache, the cause and the remedy.
  public var description: String {
    switch self {
    case .value(let error): error.description
    case .file(let error): error.description
    case .unfinished(let cache, let files, let total):
      "\(cache): only \(files) of \(total) files are there; finish it with limbeck cache-teacher … --resume"
    case .damaged(let file, let reason):
      "\(file): \(reason); it is cut short or damaged: limbeck cache-teacher … --resume makes it again"
    case .notFinite(let sequence, let position):
      "sequence \(sequence), position \(position): the teacher's logits are not finite; its weights must be damaged"
    case .needsWholeDistribution(let cache, let method):
      "\(cache): a cache made with \(method) has only some tokens of each distribution, which is enough for the "
        + "forward KL divergence alone, with all tokens weighted the same; use that, or a cache made with dense16"
    case .needsLogits(let cache):
      "\(cache): a cache has the teacher's probabilities, from which its logits do not follow; leave the mean squared "
        + "difference of the logits out, or use the teacher itself"
    }
  }

  /// The same text as `description`.
  public var errorDescription: String? { description }
}

extension TeacherCacheError {
  /// What a cache was made with is not what is expected.
  static func mismatch(_ cache: URL, _ key: String, expected: String, found: String) -> Self {
    .value(
      InvalidValue(
        cache.path, key, expected: expected, found: found,
        advice: "use what the cache was made with, or make another cache"))
  }

  /// Turns an error about a file into one about a cache.
  static func wrapping<Result>(
    _ body: () throws(FileError) -> Result
  ) throws(TeacherCacheError) -> Result {
    do throws(FileError) { return try body() } catch { throw .file(error) }
  }
}
