public import Foundation

/// Why a cache of a teacher's distributions cannot be made or used.
public enum CachedTeacherError: Error, Equatable, Sendable {
  /// More tokens are to be kept of each distribution than the vocabulary has, or a number of draws makes no sense.
  case invalidMethod(key: String, expected: String, found: Int)
  /// Sequences are longer than the teacher's context.
  case contextTooShort(sequenceLength: Int, contextLength: Int)
  /// The teacher's logits at a token are NaN or infinite.
  case notFinite(sequence: Int, position: Int)
  /// A cache that has only a few tokens of each distribution, with another divergence than forward KL, or weights of
  /// tokens.
  case needsForwardKL(cache: String, method: String)
  /// A cache has probabilities, and the objective compares logits.
  case needsLogits(cache: String)
  /// The cache itself.
  case cache(LogitCacheError)
}

extension CachedTeacherError: CustomStringConvertible, LocalizedError {
  /// One line for the user: what is wrong, and what to do.
  public var description: String {
    switch self {
    case .invalidMethod(let key, let expected, let found):
      "\(key): expected \(expected), found \(found)"
    case .contextTooShort(let sequenceLength, let contextLength):
      "sequence-length: at most the teacher's context of \(contextLength) tokens expected, found \(sequenceLength)"
    case .notFinite(let sequence, let position):
      "sequence \(sequence), position \(position): the teacher's logits are not finite; its weights must be damaged"
    case .needsForwardKL(let cache, let method):
      "\(cache): a cache made with \(method) has only some tokens of each distribution, which is enough for the forward "
        + "KL divergence alone, with all tokens weighted the same; use that, or a cache made with dense16"
    case .needsLogits(let cache):
      "\(cache): a cache has the teacher's probabilities, from which its logits do not follow; leave the mean squared "
        + "difference of the logits out, or use the teacher itself"
    case .cache(let error):
      error.description
    }
  }

  /// The same text as `description`.
  public var errorDescription: String? { description }

  /// Turns an error of a cache into one of its use.
  static func wrapping<Result>(
    _ body: () throws(LogitCacheError) -> Result
  ) throws(CachedTeacherError) -> Result {
    do throws(LogitCacheError) { return try body() } catch { throw .cache(error) }
  }
}
