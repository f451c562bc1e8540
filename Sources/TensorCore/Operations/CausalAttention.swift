import CKernels
import Foundation

/// Rows of queries whose gradients are computed at a time, and the most that meet their keys at a time.
private let queryBlock = 64

/// Causal grouped-query attention of one sequence (Vaswani et al. 2017, Ainslie et al. 2023) on raw memory.
///
/// queries [rows, H·D], keys and values [keys, K·D]; query row i is beside key offset + i, and sees it and those before
/// it, as far as the rule's window reaches.
struct CausalAttention {
  let headCount: Int
  let keyValueHeadCount: Int
  let rule: AttentionRule
  /// What the factors of its products are rounded to.
  let precision: ProductPrecision
  let backend: any MatrixBackend

  var headSize: Int { rule.headSize }
  var queryStride: Int { headCount * headSize }
  var keyStride: Int { keyValueHeadCount * headSize }
  var group: Int { headCount / keyValueHeadCount }

  /// Scratch floats that one worker needs for a sequence of `keys` keys.
  func scratchCount(keys: Int) -> Int {
    scoresCount(keys: keys) + backend.scratchCount + 2 * factorsCount(keys: keys)
  }

  /// Of them, those of two blocks of scores, which come first.
  func scoresCount(keys: Int) -> Int {
    2 * queryBlock * QueryBlock.line(min(keys, rule.seen(before: keys) + queryBlock + PackedFactor.panel))
  }

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
      let seen = rule.seen(before: offset)
      let first = (offset - seen) * keyStride
      attendOne(
        keyValueHead: keyValueHead, query: query, keys: .floats(keyHead + first, stride: keyStride),
        values: .floats(valueHead + first, stride: keyStride), count: seen + 1, out: out, scratch: scratch)
      return
    }
    let factors = KeyValueFactors(
      keys: keyHead, values: valueHead, stride: keyStride, count: keys, headSize: headSize, precision: precision,
      backend: backend, memory: productScratch + backend.scratchCount)
    var maxima = [Float](repeating: 0, count: factors.queryBlock)
    var sums = [Double](repeating: 0, count: factors.queryBlock)
    for head in heads {
      for start in stride(from: 0, to: rows, by: factors.queryBlock) {
        let block = QueryBlock(
          position: offset + start, count: min(factors.queryBlock, rows - start), window: rule.window,
          alignment: factors.alignment)
        let position = start * queryStride + head * headSize
        factors.scores(
          into: scratch, MatrixView(query + position, stride: queryStride), block, scratch: productScratch)
        factors.makeWeights(scratch, block, rule: rule, maxima: &maxima, sums: &sums)
        if let logSums {
          for row in 0..<block.count {
            logSums[head * rows + start + row] = maxima[row] * rule.weightScale + Float(log(sums[row]))
          }
        }
        factors.weightedValues(
          into: out + position, stride: queryStride, weights: scratch, block, scratch: productScratch)
        // a row of the output is shorter than one of probabilities
        for row in 0..<block.count { limbeck_scale(out + position + row * queryStride, Float(1 / sums[row]), headSize) }
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
    let dScores = scratch + scoresCount(keys: rows) / 2
    let productScratch = scratch + scoresCount(keys: rows)
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
    // the last block comes first and overwrites the gradients of all keys it sees, of most or all of them; what comes
    // after it adds
    let firstHead = keyValueHead * group
    for head in firstHead..<firstHead + group {
      for start in stride(from: 0, to: rows, by: queryBlock).reversed() {
        let block = QueryBlock(
          position: start, count: min(queryBlock, rows - start), window: rule.window, alignment: backward.alignment)
        let isFirst = head == firstHead && start + block.count == rows
        let offset = start * queryStride + head * headSize
        let keyOffset = block.firstKey * keyStride + shared
        let queries = MatrixView(query + offset, stride: queryStride)
        let gradients = MatrixView(dOut + offset, stride: queryStride)
        // in the forward pass: P = softmax(scale · Q·Kᵀ); the scores are computed again rather than kept
        forward.scores(into: scratch, queries, block, scratch: productScratch)
        // in the forward pass: O = P·V, so d P = d O · Vᵀ and d V += Pᵀ · d O
        backward.scores(into: dScores, gradients, block, scratch: productScratch)
        backward.makeGradients(
          scratch, dScores, block, rule: rule, logSums: logSums + head * rows + start,
          deltas: deltas + start * headCount + head, deltaStride: headCount)
        if isFirst {
          for destination in [dKey, dValue] {
            destination.from(shared).clear(rows: block.firstKey, stride: keyStride, columns: headSize)
          }
        }
        backward.weightedQueries(
          into: dValue.pointer + keyOffset, stride: keyStride, adds: dValue.adds || !isFirst, weights: scratch,
          gradients, block, scratch: productScratch)
        // in the forward pass: S = Q·Kᵀ, so d Q = d S · K and d K += d Sᵀ · Q
        backward.weightedValues(
          into: dQuery.pointer + offset, stride: queryStride, adds: dQuery.adds, weights: dScores, block,
          scratch: productScratch)
        backward.weightedQueries(
          into: dKey.pointer + keyOffset, stride: keyStride, adds: dKey.adds || !isFirst, weights: dScores, queries,
          block, scratch: productScratch)
      }
    }
  }
}
