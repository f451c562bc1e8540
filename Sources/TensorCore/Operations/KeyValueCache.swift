/// What a key-value cache keeps keys and values as.
public enum CachePrecision: String, Sendable, Codable, CaseIterable {
  /// As they were computed.
  case float32
  /// Rounded to float16, 11 significant bits, to nearest even, as in llama.cpp by default: half the memory, and many
  /// sequences together or long ones are faster, for whom memory sets the pace.
  case float16
}

/// The keys and values of the tokens a sequence has seen so far, for every layer of a decoder.
///
/// Each head's keys lie together, [K, capacity, D], for a new token's query reads all of them; so do its values. There
/// is room for as many tokens as are expected from the beginning, of which the system gives what is written to; beyond
/// it, room grows by doubling, up to `contextLength`. One sequence each: a batch has one cache per sequence, each with
/// its own length.
public final class KeyValueCache {
  /// The most tokens it may hold.
  public let contextLength: Int
  /// The number of tokens every layer holds; grown by `advance(by:)` after all layers have appended theirs.
  public private(set) var length = 0
  /// The number of tokens there is room for at present.
  public var capacity: Int { keys.first?.shape[1] ?? 0 }
  /// The tokens that the sequence will have, as far as anyone knows: rotations may depend on it.
  public var expectedLength: Int?
  /// What the decoder must know of the sequence where its rotations depend on the length; it alone sets it.
  public var sequence: CachedSequence?
  private var keys: [Tensor]
  private var values: [Tensor]
  /// What they are kept as.
  public let precision: CachePrecision
  private let headCount: Int
  /// Floats of memory that a head's keys of one token take: D, or half of it.
  let rowSize: Int
  private let device: Device

  /// - Parameters:
  ///   - layerCount: the number of layers.
  ///   - headCount: K, the number of key-value heads.
  ///   - headSize: D; even in float16.
  ///   - contextLength: the most tokens it may hold.
  ///   - expectedLength: how many it will probably hold; by default there is room for 64.
  ///   - precision: what keys and values are kept as; float32 by default.
  ///   - device: where the decoder computes.
  public init(
    layerCount: Int, headCount: Int, headSize: Int, contextLength: Int, expectedLength: Int? = nil,
    precision: CachePrecision = .float32, on device: Device
  ) {
    precondition(precision == .float32 || headSize % 2 == 0, "heads of \(headSize) in float16")
    self.contextLength = contextLength
    self.expectedLength = expectedLength
    self.headCount = headCount
    self.precision = precision
    rowSize = precision == .float32 ? headSize : headSize / 2
    self.device = device
    let shape = [headCount, min(contextLength, max(1, expectedLength ?? 64)), rowSize]
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

  /// A layer's keys and values [K, capacity, `rowSize`], with room for `count` more tokens.
  func reserved(layer: Int, count: Int) -> (keys: Tensor, values: Tensor) {
    precondition(length + count <= contextLength, "\(length + count) tokens for a context of \(contextLength)")
    reserve(length + count, layer: layer)
    return (keys[layer], values[layer])
  }

  private func reserve(_ tokens: Int, layer: Int) {
    let oldCapacity = keys[layer].shape[1]
    if tokens <= oldCapacity { return }
    let capacity = min(contextLength, max(tokens, 2 * oldCapacity))
    func grown(_ old: Tensor) -> Tensor {
      let new = Tensor(uninitialized: [headCount, capacity, rowSize], on: device)
      for head in 0..<headCount {
        (new.pointer + head * capacity * rowSize)
          .update(from: old.pointer + head * oldCapacity * rowSize, count: length * rowSize)
      }
      return new
    }
    keys[layer] = grown(keys[layer])
    values[layer] = grown(values[layer])
  }
}
