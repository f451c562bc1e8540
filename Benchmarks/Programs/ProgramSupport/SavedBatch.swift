/// What `batch.json` in a folder of inputs holds: the token ids of each sequence.
public struct SavedBatch: Codable, Sendable {
  /// Sequence by sequence, all of one length.
  public let ids: [[Int32]]

  /// A batch of these sequences.
  public init(ids: [[Int32]]) {
    self.ids = ids
  }
}
