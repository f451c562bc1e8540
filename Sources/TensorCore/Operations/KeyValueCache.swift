/// The keys and values of the tokens a sequence has seen so far, for every layer of a decoder.
///
/// Each head's keys lie together, [K, capacity, D], for a new token's query reads all of them; so do its values. There is
/// room for as many tokens as are expected from the beginning, of which the system gives what is written to; beyond it,
/// room grows by doubling, up to `contextLength`. One sequence each: a batch has one cache per sequence, each with its own
/// length.
public final class KeyValueCache {
  /// The most tokens it may hold.
  public let contextLength: Int
  /// The number of tokens every layer holds; grown by `advance(by:)` after all layers have appended theirs.
  public private(set) var length = 0
  /// The number of tokens there is room for at present.
  public var capacity: Int { keys.first?.shape[1] ?? 0 }
  private var keys: [Tensor]
  private var values: [Tensor]
  private let headCount: Int
  private let headSize: Int
  private let device: Device

  /// - Parameters:
  ///   - layerCount: the number of layers.
  ///   - headCount: K, the number of key-value heads.
  ///   - headSize: D.
  ///   - contextLength: the most tokens it may hold.
  ///   - expectedLength: how many it will probably hold; by default there is room for 64.
  ///   - device: where the decoder computes.
  public init(
    layerCount: Int, headCount: Int, headSize: Int, contextLength: Int, expectedLength: Int? = nil, on device: Device
  ) {
    self.contextLength = contextLength
    self.headCount = headCount
    self.headSize = headSize
    self.device = device
    let shape = [headCount, min(contextLength, max(1, expectedLength ?? 64)), headSize]
    keys = (0..<layerCount).map { _ in Tensor(uninitialized: shape, on: device) }
    values = (0..<layerCount).map { _ in Tensor(uninitialized: shape, on: device) }
  }

  /// Marks the tokens that were last appended to every layer as seen.
  public func advance(by count: Int) {
    precondition(length + count <= contextLength, "\(length + count) tokens for a context of \(contextLength)")
    length += count
  }

  /// Forgets all but the first `count` tokens.
  public func truncate(to count: Int) {
    precondition(count <= length, "a cache of \(length) tokens cannot be cut to \(count)")
    length = count
  }

  /// A layer's keys and values [K, capacity, D], with room for `count` more tokens.
  fileprivate func reserved(layer: Int, count: Int) -> (keys: Tensor, values: Tensor) {
    precondition(length + count <= contextLength, "\(length + count) tokens for a context of \(contextLength)")
    reserve(length + count, layer: layer)
    return (keys[layer], values[layer])
  }

  private func reserve(_ tokens: Int, layer: Int) {
    let oldCapacity = keys[layer].shape[1]
    if tokens <= oldCapacity { return }
    let capacity = min(contextLength, max(tokens, 2 * oldCapacity))
    func grown(_ old: Tensor) -> Tensor {
      let new = Tensor(uninitialized: [headCount, capacity, headSize], on: device)
      for head in 0..<headCount {
        (new.pointer + head * capacity * headSize)
          .update(from: old.pointer + head * oldCapacity * headSize, count: length * headSize)
      }
      return new
    }
    keys[layer] = grown(keys[layer])
    values[layer] = grown(values[layer])
  }
}

extension Tensor {
  /// Attention of new tokens to everything their sequence has seen: self = queries [N, H·D], keys and values [N, K·D],
  /// the rows of sequence s being `counts[s]` consecutive ones. The new keys and values are appended to `caches[s]`;
  /// call `advance(by:)` on each after the last layer. Records no gradient. The factors of products are rounded to
  /// `precision`, those of single new tokens never.
  public func cachedAttention(
    keys: Tensor, values: Tensor, caches: [KeyValueCache], counts: [Int], layer: Int, headSize: Int,
    precision: ProductPrecision = .float32
  ) -> Tensor {
    precondition(caches.count == counts.count && counts.reduce(0, +) == rows, "\(rows) rows for counts \(counts)")
    let attention = CausalAttention(
      headCount: columns / headSize, keyValueHeadCount: keys.columns / headSize, headSize: headSize,
      precision: precision)
    var start = 0
    // pointers, which the caches keep valid: workers that retain the same tensors wait for each other
    let sequences = zip(caches, counts).map { cache, count in
      defer { start += count }
      let (allKeys, allValues) = cache.reserved(layer: layer, count: count)
      return (
        start: start, count: count, offset: cache.length, keys: allKeys.pointer, values: allValues.pointer,
        headStep: allKeys.shape[1] * headSize
      )
    }
    let out = Tensor(uninitialized: shape, on: device)
    let longest = sequences.map { $0.offset + $0.count }.max() ?? 0
    let scratchCount = attention.scratchCount(keys: longest)
    let scratch = Tensor(uninitialized: [device.threads, scratchCount], on: device)
    device.parallel(sequences.count * attention.keyValueHeadCount) { piece, worker in
      let (index, head) = piece.quotientAndRemainder(dividingBy: attention.keyValueHeadCount)
      let sequence = sequences[index]
      let (keyHead, valueHead) = (
        sequence.keys + head * sequence.headStep, sequence.values + head * sequence.headStep
      )
      // each task has a head of a sequence to itself, and nobody else reads it
      for token in 0..<sequence.count {
        let (to, from) = (
          (sequence.offset + token) * headSize, (sequence.start + token) * keys.columns + head * headSize
        )
        (keyHead + to).update(from: keys.pointer + from, count: headSize)
        (valueHead + to).update(from: values.pointer + from, count: headSize)
      }
      attention.forward(
        keyValueHead: head, rows: sequence.count, offset: sequence.offset,
        query: pointer + sequence.start * columns, keyHead: keyHead, valueHead: valueHead, keyStride: headSize,
        out: out.pointer + sequence.start * columns, logSums: nil, scratch: scratch.pointer + worker * scratchCount)
    }
    withExtendedLifetime(caches) {}
    return out
  }
}
