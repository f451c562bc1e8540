/// Sequences with nothing to learn.
extension PackedSequences {
  /// How many sequences of an epoch with the given offset have a target that counts in the loss. The others are read in
  /// no epoch.
  func countedSequences(offset: Int) -> Int {
    others.reduce(ownCountedSequences(offset: offset)) { $0 + $1.ownCountedSequences(offset: offset) }
  }

  private func ownCountedSequences(offset: Int) -> Int {
    if documents != nil { return ownCount }
    let inner = wraps(offset) ? ownCount - 1 : ownCount
    var uncounted = 0
    for run in uncountedRuns {
      // of the sequences before the end of the text, those whose targets lie within the run
      let first = max(0, run.lowerBound - offset - targetShift + sequenceLength - 1) / sequenceLength
      let end = min(inner, (run.upperBound - offset - targetShift) / sequenceLength)
      uncounted += max(0, end - first)
    }
    if inner < ownCount, !hasCountedTarget(SequencePlace(index: inner, offset: offset)) { uncounted += 1 }
    return ownCount - uncounted
  }

  /// Whether a sequence has a target that counts in the loss.
  func hasCountedTarget(_ place: SequencePlace) -> Bool {
    let found = located(place)
    if found.part > 0 { return found.text.hasCountedTarget(found.place) }
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
  public var uncountedSequences: Int {
    others.reduce(ownUncountedSequences) { $0 + $1.ownUncountedSequences }
  }

  private var ownUncountedSequences: Int {
    documents?.uncountedParts ?? ownCount - ownCountedSequences(offset: 0)
  }

  /// Throws `nothingCounted` where no sequence has a target that counts in the loss.
  public func requireCountedTokens() throws(TrainingError) {
    if isUncounted, others.allSatisfy(\.isUncounted) { throw .nothingCounted(text: name) }
  }

  /// Whether nothing counts in the loss, the other parts left aside.
  private var isUncounted: Bool {
    switch packing.cuts {
    case .fixed: ownUncountedSequences == ownCount
    case .shifted: uncountedRuns == [0..<tokens.count]
    case .documents: false
    }
  }

  /// From a sequence's first token to its first target that may count. BOS in front makes the first token a target;
  /// where the first is BOS itself, it does not count anyway.
  private var targetShift: Int { packing.beginningID == nil ? 1 : 0 }

  /// Whether the targets of the last sequence of an epoch go on at the beginning of the text.
  private func wraps(_ offset: Int) -> Bool { offset + targetShift + ownCount * sequenceLength > tokens.count }

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
