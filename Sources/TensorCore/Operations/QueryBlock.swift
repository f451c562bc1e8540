/// Some consecutive queries of a sequence, and the keys that they see: rows of scores, one for each query.
///
/// Only keys from `firstKey` on, `width` of them, are multiplied with the queries. Row r sees those from `hidden(row:)`
/// up to, and without, `seen(row:)`, counted from `firstKey`.
struct QueryBlock {
  /// The number of queries.
  let count: Int
  /// The first key that any of them sees, or one somewhat before it.
  let firstKey: Int
  /// The number of keys from there up to the one beside the last query.
  let width: Int
  /// The keys from `firstKey` on that the first query does not see, and each other query one more; 0 or less where
  /// queries see the very first key.
  private let hiddenOfFirst: Int

  /// - Parameters:
  ///   - position: how many keys are before the one beside the first query.
  ///   - count: the number of queries, at least 1.
  ///   - window: how many keys a query sees at most; nil for all up to the one beside it.
  ///   - alignment: what `firstKey` is divisible by.
  init(position: Int, count: Int, window: Int?, alignment: Int) {
    self.count = count
    guard let window, window <= position else {
      firstKey = 0
      width = position + count
      hiddenOfFirst = window.map { position + 1 - $0 } ?? -count
      return
    }
    let firstSeen = position + 1 - window
    firstKey = firstSeen / alignment * alignment
    width = position + count - firstKey
    hiddenOfFirst = firstSeen - firstKey
  }

  /// Keys that the first row sees or that are hidden from it.
  var visible: Int { width - count + 1 }

  /// Where the keys end that a row sees.
  func seen(row: Int) -> Int { visible + row }

  /// Where they begin.
  func hidden(row: Int) -> Int { max(0, hiddenOfFirst + row) }

  /// From one row of scores to the next.
  var line: Int { Self.line(width) }

  /// The length of a row that has room for `width` scores: exponentials of whole vectors are faster than those of the
  /// elements of a part of one.
  static func line(_ width: Int) -> Int { (width + 63) / 64 * 64 }

  /// What a row does not see at its front becomes `value`.
  func hideFront(of scores: UnsafeMutablePointer<Float>, as value: Float) {
    guard hidden(row: count - 1) > 0 else { return }
    for row in 0..<count { (scores + row * line).update(repeating: value, count: hidden(row: row)) }
  }
}
