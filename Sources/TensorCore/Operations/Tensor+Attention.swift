import CKernels

extension Tensor {
  /// As `causalAttention(keys:values:lengths:rule:precision:)`, over B sequences of equal length.
  public func causalAttention(
    keys: Tensor, values: Tensor, batchSize: Int, rule: AttentionRule, precision: ProductPrecision = .float32
  ) -> Tensor {
    precondition(rows % batchSize == 0, "attention: queries \(shape), batch of \(batchSize)")
    return causalAttention(
      keys: keys, values: values, lengths: Array(repeating: rows / batchSize, count: batchSize), rule: rule,
      precision: precision)
  }

  /// Causal grouped-query attention over sequences of the given lengths, one after another, which sum to N: self =
  /// queries [N, H·D], keys and values [N, K·D] → [N, H·D]; `rule` says what a token sees. Each sequence has the bits
  /// that it has alone. The factors of its products are rounded to `precision`, but for sequences of one token of which
  /// no gradient is recorded.
  public func causalAttention(
    keys: Tensor, values: Tensor, lengths: [Int], rule: AttentionRule, precision: ProductPrecision = .float32
  ) -> Tensor {
    rule.check()
    let (starts, headSize) = (lengths.starts, rule.headSize)
    precondition(
      keys.shape == values.shape && keys.rows == rows && lengths.reduce(0, +) == rows && columns % keys.columns == 0
        && keys.columns % headSize == 0,
      "attention: queries \(shape), keys \(keys.shape), values \(values.shape), lengths \(lengths)")
    let attention = CausalAttention(
      headCount: columns / headSize, keyValueHeadCount: keys.columns / headSize, rule: rule, precision: precision,
      backend: device.backend)
    // floats of a token
    let (queryStep, keyStep, headStep) = (columns, keys.columns, attention.headCount)
    let tasks = lengths.count * attention.keyValueHeadCount
    let scratchCount = attention.scratchCount(keys: lengths.max() ?? 0)
    let out = Tensor(uninitialized: shape, on: device)
    let logSums = Tensor(uninitialized: [rows * attention.headCount], on: device)
    let recordsGradient = recordsGradient || keys.recordsGradient || values.recordsGradient
    let scratch = Tensor(uninitialized: [device.threads, scratchCount], on: device)
    device.parallel(tasks) { task, worker in
      let (sequence, head) = task.quotientAndRemainder(dividingBy: attention.keyValueHeadCount)
      let start = starts[sequence]
      attention.forward(
        keyValueHead: head, rows: lengths[sequence], offset: 0, query: pointer + start * queryStep,
        keyHead: keys.pointer + start * keyStep + head * headSize,
        valueHead: values.pointer + start * keyStep + head * headSize, keyStride: attention.keyStride,
        out: out.pointer + start * queryStep,
        logSums: recordsGradient ? logSums.pointer + start * headStep : nil,
        scratch: scratch.pointer + worker * scratchCount)
    }
    let result = out
    return out.recorded(from: [self, keys, values]) { [device, detached] gradient, nodes in
      let unwanted = Node.discarding(detached.count, for: nodes[...], on: device)
      let destinations = Node.destinations(nodes, discarding: unwanted)
      let (dQuery, dKey, dValue) = (destinations[0], destinations[1], destinations[2])
      let scratch = Tensor(uninitialized: [device.threads, scratchCount], on: device)
      let headRows = detached.rows * attention.headCount
      // row after row, as memory is read fastest, and not head by head
      let deltas = Tensor(uninitialized: [headRows], on: device)
      device.parallelRanges(headRows, grain: 1024) { range in
        let offset = range.lowerBound * headSize
        limbeck_dots(
          deltas.pointer + range.lowerBound, gradient.pointer + offset, result.pointer + offset, range.count, headSize)
      }
      device.parallel(tasks) { task, worker in
        let (sequence, head) = task.quotientAndRemainder(dividingBy: attention.keyValueHeadCount)
        let start = starts[sequence]
        let (queryOffset, keyOffset) = (start * queryStep, start * keyStep)
        attention.backward(
          keyValueHead: head, rows: lengths[sequence], query: detached.pointer + queryOffset,
          key: keys.pointer + keyOffset,
          value: values.pointer + keyOffset, dOut: gradient.pointer + queryOffset,
          deltas: deltas.pointer + start * headStep, logSums: logSums.pointer + start * headStep,
          dQuery: dQuery.from(queryOffset), dKey: dKey.from(keyOffset), dValue: dValue.from(keyOffset),
          scratch: scratch.pointer + worker * scratchCount)
      }
      withExtendedLifetime(unwanted) {}
    }
  }
}

extension [Int] {
  /// Where each of some consecutive ranges of these lengths starts.
  var starts: [Int] {
    var next = 0
    return map { length in
      defer { next += length }
      return next
    }
  }
}
