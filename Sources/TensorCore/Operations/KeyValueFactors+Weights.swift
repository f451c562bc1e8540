import CKernels

/// Scores of a block of queries become weights, or gradients, where they lie.
extension KeyValueFactors {
  /// Scores become e^(s′ − maximum), up to their sum: see `AttentionRule`. What a row does not see, but another of the
  /// block does, has a weight of 0. `maxima` are those of s, or with a cap those of s′.
  func makeWeights(
    _ scores: UnsafeMutablePointer<Float>, _ block: QueryBlock, rule: AttentionRule,
    maxima: UnsafeMutablePointer<Float>, sums: UnsafeMutablePointer<Double>
  ) {
    if let cap = rule.cap {
      for row in 0..<block.count {
        let (hidden, seen) = (block.hidden(row: row), block.seen(row: row))
        limbeck_soft_cap(scores + row * block.line + hidden, rule.scale, cap, seen - hidden)
      }
    }
    // scores of −∞ have exponentials of 0
    block.hideFront(of: scores, as: -.infinity)
    switch form {
    case .floats:
      for row in 0..<block.count {
        let weights = scores + row * block.line
        let (seen, padded) = (block.seen(row: row), QueryBlock.line(block.seen(row: row)))
        (weights + seen).update(repeating: -.infinity, count: padded - seen)
        (weights + padded).update(repeating: 0, count: block.line - padded)
        sums[row] = limbeck_softmax_exponentials(weights, maxima + row, rule.weightScale, padded)
      }
    case .packed:
      limbeck_causal_weights_bf16(
        scores, block.line, block.count, block.visible, rule.weightScale, maxima, sums)
    }
  }

  /// The same scores become probabilities p = e^(s′ − logSum), and the gradients of these those of the products of
  /// queries and keys, p · (d − delta) · scale · (1 − (s′/c)²), the last factor with a cap; the delta of row r is
  /// `deltas[r · deltaStride]`.
  func makeGradients(
    _ scores: UnsafeMutablePointer<Float>, _ gradients: UnsafeMutablePointer<Float>, _ block: QueryBlock,
    rule: AttentionRule, logSums: UnsafePointer<Float>, deltas: UnsafePointer<Float>, deltaStride: Int
  ) {
    if let cap = rule.cap {
      for row in 0..<block.count {
        let (weights, dWeights) = (scores + row * block.line, gradients + row * block.line)
        let (hidden, seen) = (block.hidden(row: row), block.seen(row: row))
        limbeck_capped_gradients(
          weights + hidden, dWeights + hidden, rule.scale, cap, logSums[row], deltas[row * deltaStride], seen - hidden)
        for row in [weights, dWeights] {
          row.update(repeating: 0, count: hidden)
          (row + seen).update(repeating: 0, count: block.width - seen)
          if case .packed = form { limbeck_narrow_bf16(row, block.width) }
        }
      }
      return
    }
    let scale = rule.scale
    // −∞ has a probability of 0, and its gradient is 0 times what is there
    block.hideFront(of: scores, as: -.infinity)
    block.hideFront(of: gradients, as: 0)
    switch form {
    case .floats:
      for row in 0..<block.count {
        let (weights, dWeights) = (scores + row * block.line, gradients + row * block.line)
        let seen = block.seen(row: row)
        limbeck_softmax_again(weights, scale, logSums[row], seen)
        limbeck_softmax_backward(dWeights, weights, deltas[row * deltaStride], scale, seen)
        (weights + seen).update(repeating: 0, count: block.width - seen)
        (dWeights + seen).update(repeating: 0, count: block.width - seen)
      }
    case .packed:
      limbeck_causal_gradients_bf16(
        scores, gradients, block.line, block.count, block.visible, scale, logSums, deltas, deltaStride)
    }
  }
}
