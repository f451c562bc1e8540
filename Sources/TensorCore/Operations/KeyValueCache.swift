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
///
/// A layer with a window of W tokens keeps those that the next token sees, and a number of them before that does not
/// depend on the length of the text.
public final class KeyValueCache {
  /// How far back a cache with windows can be truncated, unless more is asked for.
  public static let usualRewind = 16
  /// The most tokens it may hold.
  public let contextLength: Int
  /// The number of tokens every layer has seen; grown by `advance(by:)` after all layers have appended theirs.
  public private(set) var length = 0
  /// The tokens that the sequence will have, as far as anyone knows: rotations may depend on it.
  public var expectedLength: Int?
  /// What the decoder must know of the sequence where its rotations depend on the length; it alone sets it.
  public var sequence: CachedSequence?
  /// The rows that the largest layer has memory for at present.
  public var capacity: Int { layers.map(\.capacity).max() ?? 0 }
  private var layers: [CachedLayer]
  /// What they are kept as.
  public let precision: CachePrecision
  /// Floats of memory that a head's keys of one token take: D, or half of it.
  let rowSize: Int

  /// - Parameters:
  ///   - windows: how many tokens each layer's attention sees at most, at least 1; nil for all.
  ///   - headCount: K, the number of key-value heads.
  ///   - headSize: D; even in float16.
  ///   - contextLength: the most tokens it may hold.
  ///   - expectedLength: how many it will probably hold; by default there is room for 64.
  ///   - rewind: how many tokens layers with windows can be truncated by at any time.
  ///   - precision: what keys and values are kept as; float32 by default.
  ///   - device: where the decoder computes.
  public init(
    windows: [Int?], headCount: Int, headSize: Int, contextLength: Int, expectedLength: Int? = nil,
    rewind: Int = usualRewind, precision: CachePrecision = .float32, on device: Device
  ) {
    precondition(precision == .float32 || headSize % 2 == 0, "heads of \(headSize) in float16")
    precondition(rewind >= 0 && windows.allSatisfy { $0 ?? 1 >= 1 }, "windows of \(windows), rewind \(rewind)")
    self.contextLength = contextLength
    self.expectedLength = expectedLength
    self.precision = precision
    let rowSize = precision == .float32 ? headSize : headSize / 2
    self.rowSize = rowSize
    let expected = min(contextLength, max(1, expectedLength ?? 64))
    layers = windows.map { window in
      CachedLayer(
        window: window, headCount: headCount, rowSize: rowSize, contextLength: contextLength, expectedLength: expected,
        rewind: rewind, on: device)
    }
  }

  /// Marks the tokens that were last appended to every layer as seen.
  public func advance(by count: Int) {
    precondition(length + count <= contextLength, "\(length + count) tokens for a context of \(contextLength)")
    length += count
  }

  /// Whether every layer still has what the token after the first `count` sees. Always so without windows, for 0, and
  /// for any number of tokens that is at most the cache's rewind below the present one.
  public func canTruncate(to count: Int) -> Bool {
    count == 0 || count <= length && layers.allSatisfy { $0.holdsWindow(before: count) }
  }

  /// Forgets all but the first `count` tokens; `canTruncate(to: count)` must hold.
  public func truncate(to count: Int) {
    precondition(count <= length, "a cache of \(length) tokens cannot be cut to \(count)")
    precondition(canTruncate(to: count), "a cache of \(length) tokens no longer has the window before \(count)")
    length = count
    if count == 0 {
      for layer in layers.indices { layers[layer].removeAll() }
    }
  }

  /// A layer's keys and values, with rows for `count` more tokens, to be given back to `keep`.
  func reserve(layer: Int, count: Int, window: Int?) -> ReservedRows {
    precondition(length + count <= contextLength, "\(length + count) tokens for a context of \(contextLength)")
    precondition(
      layers[layer].holdsWindow(of: window, before: length), "a cache without the window of layer \(layer)")
    return layers[layer].reserve(count, after: length)
  }

  /// Takes in the rows that `count` tokens were written to.
  func keep(_ reserved: ReservedRows, layer: Int, count: Int) {
    layers[layer].keep(reserved, count: count, after: length)
  }
}
