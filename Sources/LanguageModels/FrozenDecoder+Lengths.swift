import TensorCore

/// Caches of decoders whose rotations depend on how long a sequence becomes, so that what a cache holds may be of
/// another length than its sequence turns out to have.
extension FrozenDecoder {
  /// Makes caches ready for new tokens: the first `counts[0]` ids are for `caches[0]`, and so on.
  func prepare(_ caches: [KeyValueCache], for ids: [Int32], counts: [Int]) {
    guard stack.rotary.dependOnLength else { return }
    var start = 0
    for (cache, count) in zip(caches, counts) {
      prepare(cache, for: ids[start..<start + count])
      start += count
    }
  }

  /// Computes what a cache holds again if new tokens make its sequence turn by other angles: as transformers does where
  /// the length passes the original context (`prepare_inputs_for_generation` of modeling_phi3.py, 5.24).
  private func prepare(_ cache: KeyValueCache, for ids: ArraySlice<Int32>) {
    let length = cache.finalLength(after: ids.count)
    // moved out and back, for its ids are many
    var sequence = cache.sequence ?? CachedSequence(rotatedLength: length)
    cache.sequence = nil
    sequence.ids.removeSubrange(cache.length...)
    let isStale = cache.length > 0 && !stack.rotary.areEqual(forLengths: sequence.rotatedLength, length)
    let known = isStale ? sequence.ids : []
    sequence.ids += ids
    sequence.rotatedLength = length
    cache.sequence = sequence
    if !isStale { return }
    cache.truncate(to: 0)
    // every layer's keys and values are wanted, and nobody reads the states
    _ = stack.run(known, layout: .cached([cache], counts: [known.count]), on: device)
    cache.advance(by: known.count)
  }
}

extension KeyValueCache {
  /// The length that the sequence will have, as far as anyone knows, when `count` more tokens are there.
  fileprivate func finalLength(after count: Int) -> Int {
    max(min(expectedLength ?? 0, contextLength), length + count)
  }
}
