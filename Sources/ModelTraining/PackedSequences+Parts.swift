/// Texts of several parts.
extension PackedSequences {
  /// Several texts as one, each packed by itself: an epoch goes through the sequences of all of them in one order, and
  /// no sequence has tokens of two. Batches say which part each sequence is from, as some teachers need to know.
  /// - Parameters:
  ///   - parts: one or more texts of one sequence length and packing, which have no parts themselves.
  ///   - name: what errors call all of them.
  public init(parts: [PackedSequences], name: String) {
    precondition(!parts.isEmpty, "a text of no parts")
    let first = parts[0]
    precondition(
      parts.allSatisfy {
        $0.others.isEmpty && $0.sequenceLength == first.sequenceLength && $0.packing == first.packing
      }, "parts that are packed in different ways")
    self.name = name
    (sequenceLength, packing, tokens) = (first.sequenceLength, first.packing, first.tokens)
    (documents, uncountedRuns, ownCount) = (first.documents, first.uncountedRuns, first.ownCount)
    others = Array(parts.dropFirst())
  }

  /// The number of texts that this is made of.
  public var partCount: Int { 1 + others.count }

  /// A sequence in the part that it is from.
  struct LocatedSequence {
    let part: Int
    let text: PackedSequences
    let place: SequencePlace
  }

  /// Where a sequence is from.
  func located(_ place: SequencePlace) -> LocatedSequence {
    var (part, text, local) = (0, self, place)
    while local.index >= text.ownCount, part < others.count {
      local.index -= text.ownCount
      text = others[part]
      part += 1
    }
    return LocatedSequence(part: part, text: text, place: local)
  }
}
