/// Sequences of tokens, numbered: a text as it is trained on, or as it is validated on.
public protocol TokenSequences: Sendable {
  /// What errors call the text: its path.
  var name: String { get }
  /// T: the most tokens of a sequence.
  var sequenceLength: Int { get }
  /// How the text is cut, as a teacher cache of it remembers.
  var packing: SequencePacking { get }
  /// The number of sequences, at least 1.
  var count: Int { get }
  /// The number of targets that count in the loss, over all sequences.
  var countedTokens: Int { get }
  /// The sequences with the given numbers, each in 0..<count, as one batch.
  func batch(_ indices: [Int]) -> TokenBatch
  /// A digest of all ids, of which of them count, and of how they are cut.
  func digest() -> String
}

extension PackedSequences: TokenSequences {}
