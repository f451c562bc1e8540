/// Where new tokens of a layer are written, after the ones they may see.
struct ReservedRows {
  /// [K, capacity, rowSize] each.
  let keys: Tensor
  let values: Tensor
  /// The number of tokens that are there before the new ones: the last ones of the sequence.
  let offset: Int
  /// Whether the rows are memory of their own, of which the cache copies what it keeps.
  let isTemporary: Bool
}

/// The keys and values of one layer in a cache: rows of consecutive tokens, the last ones of the sequence.
///
/// Of a layer with a window the first rows are dropped when it is full, so that the others move to the
/// front. That happens once in `slack` tokens, and moves as much as a token reads, or somewhat more.
struct CachedLayer {
  /// The rows that a layer with a window has beyond those it keeps.
  private static let slack = 64
  private let window: Int?
  private let headCount: Int
  private let rowSize: Int
  /// The tokens that stay when others are dropped.
  private let kept: Int
  /// The most rows that it ever has.
  private let limit: Int
  private let device: Device
  private var keys: Tensor
  private var values: Tensor
  /// The position of the token whose rows are the first ones.
  private var first = 0

  init(
    window: Int?, headCount: Int, rowSize: Int, contextLength: Int, expectedLength: Int, rewind: Int, on device: Device
  ) {
    self.window = window
    self.headCount = headCount
    self.rowSize = rowSize
    self.device = device
    // no sum of theirs overflows
    kept = window.map { min(contextLength, $0 - 1) + min(contextLength, rewind) } ?? contextLength
    limit = min(contextLength, kept + Self.slack)
    let shape = [headCount, min(limit, expectedLength), rowSize]
    keys = Tensor(uninitialized: shape, on: device)
    values = Tensor(uninitialized: shape, on: device)
  }

  var capacity: Int { keys.shape[1] }

  /// Whether it has what a token at position `count` sees before itself.
  func holdsWindow(before count: Int) -> Bool { holdsWindow(of: window, before: count) }

  /// Whether it has what a token at position `count` sees before itself in a window of that size.
  func holdsWindow(of window: Int?, before count: Int) -> Bool {
    first == 0 || first <= count - ((window ?? .max) - 1)
  }

  /// Forgets all tokens.
  mutating func removeAll() { first = 0 }

  /// Rows for `count` tokens more than the `length` that were seen.
  mutating func reserve(_ count: Int, after length: Int) -> ReservedRows {
    var present = length - first
    if present + count > limit {
      let remaining = min(present, kept)
      if remaining + count > limit {
        // tokens that are more than it keeps see each other all the same
        let keys = copy(keys, capacity: remaining + count, rows: present - remaining..<present)
        let values = copy(values, capacity: remaining + count, rows: present - remaining..<present)
        return ReservedRows(keys: keys, values: values, offset: remaining, isTemporary: true)
      }
      move(present - remaining..<present)
      first = length - remaining
      present = remaining
    }
    if present + count > capacity {
      let capacity = min(limit, max(present + count, 2 * capacity))
      keys = copy(keys, capacity: capacity, rows: 0..<present)
      values = copy(values, capacity: capacity, rows: 0..<present)
    }
    return ReservedRows(keys: keys, values: values, offset: present, isTemporary: false)
  }

  /// Takes in the rows of `count` tokens after the `length` that were seen.
  mutating func keep(_ reserved: ReservedRows, count: Int, after length: Int) {
    guard reserved.isTemporary else { return }
    let end = reserved.offset + count
    let remaining = min(end, kept)
    keys = copy(reserved.keys, capacity: limit, rows: end - remaining..<end)
    values = copy(reserved.values, capacity: limit, rows: end - remaining..<end)
    first = length + count - remaining
  }

  /// A tensor [K, capacity, rowSize] that begins with some rows of each head of another.
  private func copy(_ old: Tensor, capacity: Int, rows: Range<Int>) -> Tensor {
    let new = Tensor(uninitialized: [headCount, capacity, rowSize], on: device)
    for head in 0..<headCount {
      (new.pointer + head * capacity * rowSize)
        .update(
          from: old.pointer + (head * old.shape[1] + rows.lowerBound) * rowSize, count: rows.count * rowSize)
    }
    return new
  }

  /// Moves some rows of each head to its front.
  private func move(_ rows: Range<Int>) {
    for tensor in [keys, values] {
      for head in 0..<headCount {
        let front = tensor.pointer + head * capacity * rowSize
        front.update(from: front + rows.lowerBound * rowSize, count: rows.count * rowSize)
      }
    }
  }
}
