import LanguageModels
import TensorCore

extension FrozenDecoder {
  /// ln q of each continuation behind its context: the sum over its tokens, in nats. A context is computed once, for
  /// all continuations of its set, which go on from its key-value cache.
  func logLikelihoods(of sets: [ContinuationSet]) -> [[Double]] {
    let caches = sets.map { set in
      let longest = set.continuations.map(\.count).max() ?? 0
      return makeCache(expectedLength: set.context.count + longest, rewind: longest)
    }
    let hidden = hiddenStates(sets.flatMap(\.context), counts: sets.map(\.context.count), caches: caches)
    var end: Int32 = 0
    let lastRows = sets.map { set in
      end += Int32(set.context.count)
      return end - 1
    }
    // the first token of every continuation follows from the context's last
    var sums = projection(of: hidden).mapLogits(rows: lastRows) { index, logits, _, _ in
      logProbabilities(of: sets[index].continuations.map { $0[0] }, logits.span)
    }
    for place in 0..<(sets.map(\.continuations.count).max() ?? 0) {
      let going = sets.indices.filter {
        place < sets[$0].continuations.count && sets[$0].continuations[place].count > 1
      }
      if going.isEmpty { continue }
      for index in going { caches[index].truncate(to: sets[index].context.count) }
      let continuations = going.map { sets[$0].continuations[place] }
      let hidden = hiddenStates(
        continuations.flatMap { $0.dropLast() }, counts: continuations.map { $0.count - 1 },
        caches: going.map { caches[$0] })
      let targets = continuations.flatMap { $0.dropFirst() }
      var scores = projection(of: hidden).mapLogits(rows: targets.indices.map { Int32($0) }) { row, logits, _, _ in
        -negativeLogProbability(of: targets[row], logits.span)
      }[...]
      for (index, continuation) in zip(going, continuations) {
        sums[index][place] += scores.prefix(continuation.count - 1).reduce(0, +)
        scores = scores.dropFirst(continuation.count - 1)
      }
    }
    return sums
  }
}

/// ln q of some tokens, q from logits [V].
private func logProbabilities(of targets: [Int32], _ logits: Span<Float>) -> [Double] {
  let largest = RowKernels.maximum(logits)
  let logSum = Double(RowKernels.logSum(logits, maximum: largest, temperature: 1))
  return targets.map { Double(logits[Int($0)]) - Double(largest) - logSum }
}
