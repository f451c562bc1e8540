/// B sequences of T tokens each, with the token that follows each of them where it is to be learnt. A sequence may hold
/// several segments, such as documents; the tokens of one do not attend to those of another.
public struct TokenBatch: Sendable, Equatable {
  /// The inputs [B·T], sequence by sequence.
  public let ids: [Int32]
  /// The targets [B·T]: the token that the logits at the same index should predict; −1 where it is not counted.
  public let targets: [Int32]
  /// B
  public let batchSize: Int
  /// The indices [B] of the sequences in the `PackedSequences` that they were cut from, at whatever offset; empty where
  /// they are from none.
  public let sequences: [Int]
  /// The lengths of what has attention and positions of its own, one after another: those of the sequences, or of the
  /// segments in them. For `DecoderModel.hiddenStates(_:lengths:)`.
  public let segments: [Int]
  /// Whether each sequence [B] begins where a document does; empty where that is not known.
  public let beginsDocument: [Bool]
  /// Which part of the text each sequence [B] is from, where a text has parts with a teacher each; else empty.
  public let parts: [Int]

  /// A batch of inputs [B·T] and targets [B·T], where a negative target is not counted, cut from a text at `sequences`
  /// [B], of whose parts they are. Segments, where there are several in a sequence, do not cross from one sequence
  /// into the next.
  public init(
    ids: [Int32], targets: [Int32], batchSize: Int, sequences: [Int] = [], segments: [Int]? = nil,
    beginsDocument: [Bool] = [], parts: [Int] = []
  ) {
    precondition(ids.count == targets.count, "\(ids.count) ids with \(targets.count) targets")
    precondition(
      batchSize > 0 && ids.count.isMultiple(of: batchSize), "\(ids.count) ids for \(batchSize) sequences")
    precondition(
      sequences.isEmpty || sequences.count == batchSize, "\(sequences.count) indices for \(batchSize) sequences")
    precondition(parts.isEmpty || parts.count == batchSize, "\(parts.count) parts for \(batchSize) sequences")
    self.ids = ids
    self.targets = targets
    self.batchSize = batchSize
    self.sequences = sequences
    self.beginsDocument = beginsDocument
    self.parts = parts
    self.segments = segments ?? Array(repeating: ids.count / batchSize, count: batchSize)
    precondition(
      self.segments.reduce(0, +) == ids.count && self.segments.allSatisfy { $0 > 0 },
      "\(ids.count) ids in segments of \(self.segments)")
  }

  /// T
  public var length: Int { ids.count / batchSize }

  /// The indices of the counted targets, ascending: the only rows of which logits are needed.
  public var countedRows: [Int32] {
    targets.indices.compactMap { targets[$0] >= 0 ? Int32($0) : nil }
  }

  /// The number of counted targets.
  public var countedTokens: Int { targets.count { $0 >= 0 } }

  /// Some of the sequences, by their places in 0..<B, in that order.
  package func sequences(_ places: some Collection<Int>) -> TokenBatch {
    func chosen<Element>(_ values: [Element]) -> [Element] { values.isEmpty ? [] : places.map { values[$0] } }
    func rows(_ values: [Int32]) -> [Int32] { places.flatMap { values[$0 * length..<($0 + 1) * length] } }
    var (start, ofSequence) = (0, [[Int]](repeating: [], count: batchSize))
    for segment in segments {
      ofSequence[start / length].append(segment)
      start += segment
    }
    return TokenBatch(
      ids: rows(ids), targets: rows(targets), batchSize: places.count, sequences: chosen(sequences),
      segments: places.flatMap { ofSequence[$0] }, beginsDocument: chosen(beginsDocument), parts: chosen(parts))
  }
}
