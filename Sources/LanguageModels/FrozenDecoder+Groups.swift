import TensorCore

extension FrozenDecoder {
  /// The sequences of each group of a pass over B sequences of T tokens; none where all are better computed together.
  func groups(of batchSize: Int, length: Int) -> [Range<Int>] {
    guard device.rowsAreIndependent else { return [] }
    // weights that change are rounded and packed anew by every group
    guard precision == .float32 || parameters.isConstant else { return [] }
    let rows = batchSize * length
    let count = min(batchSize, rows / Self.leastRows)
    guard count > 1, rows >= Self.leastRowsTogether else { return [] }
    // every thread has as many as the others, or nearly
    let (threads, rounds) = (device.threads, (count + device.threads - 1) / device.threads)
    guard Double(count) >= Self.leastShareOfThreads * Double(threads * rounds) else { return [] }
    return (0..<count).map { $0 * batchSize / count..<($0 + 1) * batchSize / count }
  }

  /// Rows of which products are as fast as of many, and more than those that are summed in an order of their own.
  private static let leastRows = 128
  /// Of fewer rows together, the eighths that products are cut into could be so few that they are.
  static let leastRowsTogether = 8 * leastRows
  private static let leastShareOfThreads = 0.85
}
