/// What a decoder keeps of the sequence of a key-value cache, whose rotations depend on how long the sequence becomes,
/// so that it can compute the keys again where more tokens come than were expected.
public struct CachedSequence: Sendable {
  /// The tokens of the cache, in order; perhaps with some that were dropped from its end.
  public var ids: [Int32] = []
  /// The length of the sequence that its keys were rotated for.
  public var rotatedLength: Int

  /// No tokens yet, of a sequence of the given length.
  public init(rotatedLength: Int) { self.rotatedLength = rotatedLength }
}
