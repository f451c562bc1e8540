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
  /// A run that makes the cache while it distils has not read all of the text yet.
  case beingRecorded(cache: String)
  /// A file of the cache is cut short or altered.
  case damaged(file: String, reason: String)
  /// The teacher's logits at a token are NaN or infinite.
  case notFinite(sequence: Int, position: Int)
  /// A cache that has only a few tokens of each distribution, with a divergence or weights of tokens that need all.
  case needsWholeDistribution(cache: String, method: String)
  /// A cache has probabilities, and the objective compares logits.
  case needsLogits(cache: String)
  /// A cache has hidden states, and there is no head to make distributions of them.
  case needsHead(cache: String)
}

extension TeacherCacheError: CustomStringConvertible, LocalizedError {
  /// One line for the user: the cache, the cause and the remedy.
  public var description: String {
    switch self {
    case .value(let error): error.description
    case .file(let error): error.description
    case .unfinished(let cache, let files, let total):
      "\(cache): only \(files) of \(total) files are there; finish it with limbeck cache-teacher … --resume"
    case .beingRecorded(let cache):
      "\(cache): the run that makes this cache has not read all of the text yet; let it go on with limbeck distill … "
        + "--resume"
    case .damaged(let file, let reason):
      "\(file): \(reason); it is cut short or damaged: limbeck cache-teacher … --resume makes it again"
    case .notFinite(let sequence, let position):
      "sequence \(sequence), position \(position): the teacher's logits are not finite; its weights must be damaged"
    case .needsWholeDistribution(let cache, let method):
      "\(cache): a cache made with \(method) has only some tokens of each distribution, which is enough for the "
        + "forward KL divergence alone, with all tokens weighted the same; use that, or a cache made with hidden or "
        + "dense16"
    case .needsLogits(let cache):
      "\(cache): a cache has the teacher's probabilities, from which its logits do not follow; leave the mean squared "
        + "difference of the logits out, or use a cache made with hidden, or the teacher itself"
    case .needsHead(let cache):
      "\(cache): a cache made with hidden has the teacher's hidden states, of which the teacher's output head makes "
        + "distributions; give the teacher, too: --teacher MODEL"
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
