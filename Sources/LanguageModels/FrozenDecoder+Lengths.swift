import TensorCore

/// Caches of decoders whose rotations depend on how long a sequence becomes, so that what a cache holds may be of
/// another length than its sequence turns out to have.
extension FrozenDecoder {
  /// Computes what a cache holds again if `count` more tokens make its sequence turn by other angles: as transformers
  /// does where the length passes the original context (`prepare_inputs_for_generation` of modeling_phi3.py, 5.24).
  func prepare(_ cache: KeyValueCache, for count: Int) {
    guard stack.rotary.dependOnLength else { return }
    let length = cache.finalLength(after: count)
    guard let sequence = cache.sequence, cache.length > 0 else {
      cache.sequence = CachedSequence(rotatedLength: length)
      return
    }
    if stack.rotary.areEqual(forLengths: sequence.rotatedLength, length) { return }
    let ids = Array(sequence.ids[..<cache.length])
    cache.truncate(to: 0)
    cache.sequence = CachedSequence(rotatedLength: length)
    note(ids, counts: [ids.count], caches: [cache])
    // every layer's keys and values are wanted, and nobody reads the states
    let expected = cache.expectedLength
    cache.expectedLength = length
    _ = stack.run(ids, layout: .cached([cache], counts: [ids.count]), on: device)
    cache.expectedLength = expected
    cache.advance(by: ids.count)
  }

  /// Keeps the ids of new tokens beside what the caches hold, if they may have to be computed again.
  func note(_ ids: [Int32], counts: [Int], caches: [KeyValueCache]) {
    guard stack.rotary.dependOnLength else { return }
    var start = 0
    for (cache, count) in zip(caches, counts) {
      let kept = cache.sequence?.ids.prefix(cache.length) ?? []
      cache.sequence?.ids = Array(kept + ids[start..<start + count])
      start += count
    }
  }
}
