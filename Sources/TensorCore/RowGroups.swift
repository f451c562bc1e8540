extension Device {
  /// A tensor [Σ counts, columns] of which each group, the next `counts[group]` rows, is computed on one of the threads
  /// from beginning to end. Between two operations no thread then waits for the others, and what one leaves for the
  /// next is still in that core's cache.
  ///
  /// - Parameters:
  ///   - counts: the rows of each group.
  ///   - columns: the size of a row.
  ///   - body: returns the rows of a group, [counts[group], columns], computed with the device that it is given.
  ///     Several threads call it at the same time, each for other groups: it records no gradient, and of what it shares
  ///     with them, such as weights, it only reads.
  /// - Returns: all rows, on this device.
  public func groupedRows(
    _ counts: [Int], columns: Int, _ body: (_ group: Int, _ device: Device) -> Tensor
  ) -> Tensor {
    precondition(cutsWork, "a group is cut into groups")
    let ends = counts.indices.map { counts[...$0].reduce(0, +) }
    let out = Tensor(uninitialized: [ends.last ?? 0, columns], on: self)
    if !computes {
      // each worker may have groups of all sizes
      let sizes = counts.indices.filter { counts.firstIndex(of: counts[$0]) == $0 }
      for device in workerDevices.prefix(counts.count) { for group in sizes { _ = body(group, device) } }
    }
    parallel(counts.count) { group, worker in
      let rows = body(group, workerDevices[worker])
      precondition(
        rows.shape == [counts[group], columns] && !rows.recordsGradient,
        "group \(group) of \(counts[group]) rows of \(columns) is \(rows.shape)")
      // each task has rows of its own
      (out.pointer + (ends[group] - counts[group]) * columns).update(from: rows.pointer, count: rows.count)
      withExtendedLifetime(rows) {}
    }
    return out
  }
}

extension Tensor {
  /// The same elements, for operations on another device.
  public func on(_ device: Device) -> Tensor {
    Tensor(shape: shape, storage: storage, device: device, node: node)
  }
}
