/// Sequences with nothing to learn.
extension PackedSequences {
  /// How many sequences of an epoch with the given offset have a target that counts in the loss. The others are read in
  /// no epoch.
  func countedSequences(offset: Int) -> Int {
    if documents != nil { return count }
    let inner = wraps(offset) ? count - 1 : count
    var uncounted = 0
    for run in uncountedRuns {
      // of the sequences before the end of the text, those whose targets lie within the run
      let first = max(0, run.lowerBound - offset - targetShift + sequenceLength - 1) / sequenceLength
      let end = min(inner, (run.upperBound - offset - targetShift) / sequenceLength)
      uncounted += max(0, end - first)
    }
    if inner < count, !hasCountedTarget(SequencePlace(index: inner, offset: offset)) { uncounted += 1 }
    return count - uncounted
  }

  /// Whether a sequence has a target that counts in the loss.
  func hasCountedTarget(_ place: SequencePlace) -> Bool {
    if documents != nil { return true }
    let targets = start(of: place) + targetShift..<start(of: place) + targetShift + sequenceLength
    guard targets.upperBound <= tokens.count else {
      return targets.contains { tokens.countsInLoss($0 % tokens.count) }
    }
    // the first run that does not end before the targets do
    var (low, high) = (0, uncountedRuns.count)
    while low < high {
      let middle = (low + high) / 2
      if uncountedRuns[middle].upperBound < targets.upperBound { low = middle + 1 } else { high = middle }
    }
    return low == uncountedRuns.count || uncountedRuns[low].lowerBound > targets.lowerBound
  }

  /// How many sequences of an epoch at offset 0, or parts of documents, have no target that counts in the loss, as
  /// of long prompts have none; they are left out.
  public var uncountedSequences: Int { documents?.uncountedParts ?? count - countedSequences(offset: 0) }

  /// Throws `nothingCounted` where no sequence has a target that counts in the loss.
  public func requireCountedTokens() throws(TrainingError) {
    let isEmpty =
      switch packing.cuts {
      case .fixed: uncountedSequences == count
      case .shifted: uncountedRuns == [0..<tokens.count]
      case .documents: false
      }
    if isEmpty { throw .nothingCounted(text: name) }
  }

  /// From a sequence's first token to its first target that may count. BOS in front makes the first token a target;
  /// where the first is BOS itself, it does not count anyway.
  private var targetShift: Int { packing.beginningID == nil ? 1 : 0 }

  /// Whether the targets of the last sequence of an epoch go on at the beginning of the text.
  private func wraps(_ offset: Int) -> Bool { offset + targetShift + count * sequenceLength > tokens.count }

  static func uncountedRuns(of tokens: any TokenSource, atLeast length: Int) -> [Range<Int>] {
    if tokens.countsEverywhere { return [] }
    var (runs, start) = ([Range<Int>](), 0)
    for position in 0...tokens.count where position == tokens.count || tokens.countsInLoss(position) {
      if position - start >= length { runs.append(start..<position) }
      start = position + 1
    }
    return runs
  }
}
