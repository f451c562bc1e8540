import CKernels
import Foundation

/// Rows of queries whose gradients are computed at a time, and the most that meet their keys at a time.
private let queryBlock = 64

/// Causal grouped-query attention of one sequence (Vaswani et al. 2017, Ainslie et al. 2023) on raw memory.
///
/// queries [rows, H·D], keys and values [keys, K·D]; query row i sees keys 0...(offset + i).
struct CausalAttention {
  let headCount: Int
  let keyValueHeadCount: Int
  let headSize: Int
  /// What the factors of its products are rounded to.
  let precision: ProductPrecision
  let backend: any MatrixBackend

  var queryStride: Int { headCount * headSize }
  var keyStride: Int { keyValueHeadCount * headSize }
  var group: Int { headCount / keyValueHeadCount }
  var scale: Float { 1 / Float(headSize).squareRoot() }

  /// Scratch floats that one worker needs for a sequence of `keys` keys.
  func scratchCount(keys: Int) -> Int {
    scoresCount(keys: keys) + backend.scratchCount + 2 * factorsCount(keys: keys)
  }

  /// Of them, those of two blocks of scores, which come first.
  func scoresCount(keys: Int) -> Int { 2 * queryBlock * KeyValueFactors.line(keys) }

  /// And those of the factors that keys and values become.
  private func factorsCount(keys: Int) -> Int {
    KeyValueFactors.memoryCount(keys: keys, headSize: headSize, precision: precision, backend: backend)
  }

  /// One key-value head and the query heads that share it; `keyHead` and `valueHead` are that head's first rows, with
  /// rows `keyStride` apart. `logSums` [H, rows] receives each row's log-sum-exp for the backward; without it a single
  /// query takes a kernel of its own, which rounds nothing.
  func forward(
    keyValueHead: Int, rows: Int, offset: Int, query: UnsafePointer<Float>, keyHead: UnsafePointer<Float>,
    valueHead: UnsafePointer<Float>, keyStride: Int, out: UnsafeMutablePointer<Float>,
    logSums: UnsafeMutablePointer<Float>?, scratch: UnsafeMutablePointer<Float>
  ) {
    let keys = offset + rows
    let productScratch = scratch + scoresCount(keys: keys)
    let heads = keyValueHead * group..<(keyValueHead + 1) * group
    if rows == 1, logSums == nil {
      attendOne(
        keyValueHead: keyValueHead, query: query, keys: .floats(keyHead, stride: keyStride),
        values: .floats(valueHead, stride: keyStride), count: keys, out: out, scratch: scratch)
      return
    }
    let factors = KeyValueFactors(
      keys: keyHead, values: valueHead, stride: keyStride, count: keys, headSize: headSize, precision: precision,
      backend: backend, memory: productScratch + backend.scratchCount)
    var maxima = [Float](repeating: 0, count: factors.queryBlock)
    var sums = [Double](repeating: 0, count: factors.queryBlock)
    for head in heads {
      for start in stride(from: 0, to: rows, by: factors.queryBlock) {
        let block = min(factors.queryBlock, rows - start)
        let width = offset + start + block
        let line = KeyValueFactors.line(width)
        let position = start * queryStride + head * headSize
        factors.scores(
          into: scratch, stride: line, MatrixView(query + position, stride: queryStride), block: block, width: width,
          scratch: productScratch)
        factors.makeWeights(
          scratch, line: line, block: block, visible: offset + start + 1, scale: scale, maxima: &maxima, sums: &sums)
        if let logSums {
          for row in 0..<block {
            logSums[head * rows + start + row] = maxima[row] * scale + Float(log(sums[row]))
          }
        }
        factors.weightedValues(
          into: out + position, stride: queryStride, weights: scratch, line: line, block: block, width: width,
          scratch: productScratch)
        // a row of the output is shorter than one of probabilities
        for row in 0..<block { limbeck_scale(out + position + row * queryStride, Float(1 / sums[row]), headSize) }
      }
    }
  }

  /// The gradients of `forward` with offset 0: dQuery, dKey and dValue of one key-value head, each overwritten or added
  /// to. `deltas` [rows, H] has the inner products of a head's output and its gradient.
  func backward(
    keyValueHead: Int, rows: Int, query: UnsafePointer<Float>, key: UnsafePointer<Float>, value: UnsafePointer<Float>,
    dOut: UnsafePointer<Float>, deltas: UnsafePointer<Float>, logSums: UnsafePointer<Float>,
    dQuery: GradientDestination, dKey: GradientDestination, dValue: GradientDestination,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let shared = keyValueHead * headSize
    let dScores = scratch + queryBlock * KeyValueFactors.line(rows)
    let productScratch = dScores + queryBlock * KeyValueFactors.line(rows)
    let memory = productScratch + backend.scratchCount
    func factors(
      keys: UnsafePointer<Float>, values: UnsafePointer<Float>, _ memory: UnsafeMutablePointer<Float>
    ) -> KeyValueFactors {
      KeyValueFactors(
        keys: keys + shared, values: values + shared, stride: keyStride, count: rows, headSize: headSize,
        precision: precision, backend: backend, memory: memory)
    }
    let forward = factors(keys: key, values: value, memory)
    let backward = factors(keys: value, values: key, memory + factorsCount(keys: rows))
    // the last block sees all keys, so that it comes first, and what comes after it adds
    let firstHead = keyValueHead * group
    for head in firstHead..<firstHead + group {
      for start in stride(from: 0, to: rows, by: queryBlock).reversed() {
        let block = min(queryBlock, rows - start)
        let isFirst = head == firstHead && start + block == rows
        let width = start + block
        let line = KeyValueFactors.line(width)
        let offset = start * queryStride + head * headSize
        let queries = MatrixView(query + offset, stride: queryStride)
        let gradients = MatrixView(dOut + offset, stride: queryStride)
        // in the forward pass: P = softmax(scale · Q·Kᵀ); the scores are computed again rather than kept
        forward.scores(into: scratch, stride: line, queries, block: block, width: width, scratch: productScratch)
        // in the forward pass: O = P·V, so d P = d O · Vᵀ and d V += Pᵀ · d O
        backward.scores(into: dScores, stride: line, gradients, block: block, width: width, scratch: productScratch)
        backward.makeGradients(
          scratch, dScores, line: line, block: block, visible: start + 1, scale: scale,
          logSums: logSums + head * rows + start, deltas: deltas + start * headCount + head, deltaStride: headCount)
        backward.weightedQueries(
          into: dValue.pointer + shared, stride: keyStride, adds: dValue.adds || !isFirst, weights: scratch, line: line,
          gradients, block: block, width: width, scratch: productScratch)
        // in the forward pass: S = Q·Kᵀ, so d Q = d S · K and d K += d Sᵀ · Q
        backward.weightedValues(
          into: dQuery.pointer + offset, stride: queryStride, adds: dQuery.adds, weights: dScores, line: line,
          block: block, width: width, scratch: productScratch)
        backward.weightedQueries(
          into: dKey.pointer + shared, stride: keyStride, adds: dKey.adds || !isFirst, weights: dScores, line: line,
          queries, block: block, width: width, scratch: productScratch)
      }
    }
  }
}

extension Tensor {
  /// As `causalAttention(keys:values:lengths:headSize:precision:)`, over B sequences of equal length.
  public func causalAttention(
    keys: Tensor, values: Tensor, batchSize: Int, headSize: Int, precision: ProductPrecision = .float32
  ) -> Tensor {
    precondition(rows % batchSize == 0, "attention: queries \(shape), batch of \(batchSize)")
    return causalAttention(
      keys: keys, values: values, lengths: Array(repeating: rows / batchSize, count: batchSize), headSize: headSize,
      precision: precision)
  }

  /// Causal grouped-query attention over sequences of the given lengths, one after another, which sum to N: self =
  /// queries [N, H·D], keys and values [N, K·D] → [N, H·D]; scores are scaled by 1/√D. Each sequence has the bits that
  /// it has alone. The factors of its products are rounded to `precision`, but for sequences of one token of which no
  /// gradient is recorded.
  public func causalAttention(
    keys: Tensor, values: Tensor, lengths: [Int], headSize: Int, precision: ProductPrecision = .float32
  ) -> Tensor {
    let starts = lengths.starts
    precondition(
      keys.shape == values.shape && keys.rows == rows && lengths.reduce(0, +) == rows && columns % keys.columns == 0
        && keys.columns % headSize == 0,
      "attention: queries \(shape), keys \(keys.shape), values \(values.shape), lengths \(lengths)")
    let attention = CausalAttention(
      headCount: columns / headSize, keyValueHeadCount: keys.columns / headSize, headSize: headSize,
      precision: precision, backend: device.backend)
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
