public import TensorCore

extension TransformerDecoder {
  /// The final, normalised hidden states [B·T, C] of B sequences of T tokens each.
  ///
  /// Every id must lie in 0..<V, and T must not exceed the context length. Of a frozen decoder, each thread takes some of
  /// the sequences through all layers where that pays: the results have the same bits either way.
  public func hiddenStates(_ ids: [Int32], batchSize: Int) -> Tensor {
    let length = tokensPerSequence(ids, batchSize: batchSize)
    let projections = tokenProjections(forPassOf: ids.count)
    let shards = shards(of: batchSize, length: length)
    if shards.isEmpty { return states(of: ids, batchSize: batchSize, on: device, projections: projections) }
    return device.groupedRows(shards.map { $0.count * length }, columns: configuration.hiddenSize) { shard, device in
      let sequences = shards[shard]
      let shardIDs = Array(ids[sequences.lowerBound * length..<sequences.upperBound * length])
      return states(of: shardIDs, batchSize: sequences.count, on: device, projections: projections)
    }
  }

  /// The sequences of each shard of a pass over B sequences of T tokens; none where all are better computed together.
  private func shards(of batchSize: Int, length: Int) -> [Range<Int>] {
    guard !parameters.isTrainable, device.rowsAreIndependent else { return [] }
    // weights that change are rounded and packed anew by every shard
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
