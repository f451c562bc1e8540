import CKernels

/// The new tokens of one sequence, and one head's keys and values of all its tokens in a cache.
///
/// Invariant: `keys` and `values` have room for `offset + count` rows, of a cache that outlives this value, and no two
/// tasks have the same head.
private struct CachedHead {
  /// How many tokens are new, and how many were there before.
  let count: Int
  let offset: Int
  let precision: CachePrecision
  /// The head's first rows, `rowSize` floats apart.
  let keys: UnsafeMutablePointer<Float>
  let values: UnsafeMutablePointer<Float>
  let rowSize: Int

  /// The head whose rows begin `step` floats further on.
  func from(_ step: Int) -> CachedHead {
    CachedHead(
      count: count, offset: offset, precision: precision, keys: keys + step, values: values + step, rowSize: rowSize)
  }

  /// Puts the rows of new tokens, which lie `stride` apart, after those that are there.
  func append(keys newKeys: UnsafePointer<Float>, values newValues: UnsafePointer<Float>, stride: Int, headSize: Int) {
    for token in 0..<count {
      let (to, from) = ((offset + token) * rowSize, token * stride)
      switch precision {
      case .float32:
        (keys + to).update(from: newKeys + from, count: headSize)
        (values + to).update(from: newValues + from, count: headSize)
      case .float16:
        limbeck_narrow_f16(keys + to, newKeys + from, headSize)
        limbeck_narrow_f16(values + to, newValues + from, headSize)
      }
    }
  }

  /// The head's outputs for the new tokens. `widened` has room for its keys and values as floats, if they are none.
  func attend(
    _ attention: CausalAttention, keyValueHead: Int, query: UnsafePointer<Float>, out: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>, widened: UnsafeMutablePointer<Float>
  ) {
    var (keyHead, valueHead) = (keys, values)
    if precision == .float16 {
      let seen = offset + count
      if count == 1 {
        return attention.attendOne(
          keyValueHead: keyValueHead, query: query, keys: .halves(keys), values: .halves(values), count: seen, out: out,
          scratch: scratch)
      }
      // many queries share what this costs
      let floats = seen * attention.headSize
      (keyHead, valueHead) = (widened, widened + floats)
      limbeck_widen_f16(keyHead, keys, floats)
      limbeck_widen_f16(valueHead, values, floats)
    }
    attention.forward(
      keyValueHead: keyValueHead, rows: count, offset: offset, query: query, keyHead: keyHead, valueHead: valueHead,
      keyStride: attention.headSize, out: out, logSums: nil, scratch: scratch)
  }
}

extension Tensor {
  /// Attention of new tokens to what their sequence has seen, as far as the rule's window reaches: self = queries
  /// [N, H·D], keys and values [N, K·D], the rows of sequence s being `counts[s]` consecutive ones. The new keys and
  /// values are appended to `caches[s]`, whose layer must keep what the window needs; call `advance(by:)` on each after
  /// the last layer. Records no gradient. The factors of products are rounded to `precision`, those of single new
  /// tokens never; keys and values to what their cache keeps them as.
  public func cachedAttention(
    keys: Tensor, values: Tensor, caches: [KeyValueCache], counts: [Int], layer: Int, rule: AttentionRule,
    precision: ProductPrecision = .float32
  ) -> Tensor {
    rule.check()
    precondition(caches.count == counts.count && counts.reduce(0, +) == rows, "\(rows) rows for counts \(counts)")
    let headSize = rule.headSize
    let attention = CausalAttention(
      headCount: columns / headSize, keyValueHeadCount: keys.columns / headSize, rule: rule, precision: precision,
      backend: device.backend)
    let places = zip(caches, counts).map { $0.reserve(layer: layer, count: $1, window: rule.window) }
    var start = 0
    // pointers, which the places keep valid: workers that retain the same tensors wait for each other
    let sequences = zip(zip(caches, places), counts).map { source, count in
      defer { start += count }
      let (cache, place) = source
      // what is before the window of the first new token is not looked at
      let offset = rule.seen(before: place.offset)
      let skipped = (place.offset - offset) * cache.rowSize
      let firstHead = CachedHead(
        count: count, offset: offset, precision: cache.precision, keys: place.keys.pointer + skipped,
        values: place.values.pointer + skipped, rowSize: cache.rowSize)
      return (start: start, firstHead: firstHead, headStep: place.keys.shape[1] * cache.rowSize)
    }
    let out = Tensor(uninitialized: shape, on: device)
    let longest = sequences.map { $0.firstHead.offset + $0.firstHead.count }.max() ?? 0
    let scratchCount = attention.scratchCount(keys: longest)
    let widens = zip(caches, counts).contains { $0.precision == .float16 && $1 > 1 }
    let workerCount = scratchCount + (widens ? 2 * longest * headSize : 0)
    let scratch = Tensor(uninitialized: [device.threads, workerCount], on: device)
    device.parallel(sequences.count * attention.keyValueHeadCount) { task, worker in
      let (index, keyValueHead) = task.quotientAndRemainder(dividingBy: attention.keyValueHeadCount)
      let sequence = sequences[index]
      // each task has a head of a sequence to itself, and nobody else reads it
      let head = sequence.firstHead.from(keyValueHead * sequence.headStep)
      let first = sequence.start * keys.columns + keyValueHead * headSize
      head.append(
        keys: keys.pointer + first, values: values.pointer + first, stride: keys.columns, headSize: headSize)
      let memory = scratch.pointer + worker * workerCount
      head.attend(
        attention, keyValueHead: keyValueHead, query: pointer + sequence.start * columns,
        out: out.pointer + sequence.start * columns, scratch: memory, widened: memory + scratchCount)
    }
    for ((cache, place), count) in zip(zip(caches, places), counts) { cache.keep(place, layer: layer, count: count) }
    return out
  }
}
