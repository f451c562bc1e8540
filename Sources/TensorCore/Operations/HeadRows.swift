import CKernels

/// The keys or values [keys, D] of one head as a single query meets them: each is read once, where it lies.
///
/// Invariant: what is pointed to has as many rows as are asked for, and outlives this value.
enum HeadRows {
  /// Rows that begin `stride` floats apart.
  case floats(UnsafePointer<Float>, stride: Int)
  /// Rows in float16, one after another, as a cache keeps them.
  case halves(UnsafeRawPointer)

  /// s[count] = K · q of the first `count` rows.
  fileprivate func innerProducts(
    into scores: UnsafeMutablePointer<Float>, _ query: UnsafePointer<Float>, count: Int, headSize: Int,
    backend: any MatrixBackend, scratch: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .floats(let rows, let stride):
      backend.product(
        into: scores, stride: count, adds: false, MatrixView(query, stride: headSize),
        MatrixView(rows, stride: stride).transposed, m: 1, n: count, k: headSize, scratch: scratch)
    case .halves(let rows): limbeck_inner_products_f16(scores, rows, query, count, headSize)
    }
  }

  /// out[D] = Vᵀ · w of the first `count` rows.
  fileprivate func weightedSum(
    into out: UnsafeMutablePointer<Float>, _ weights: UnsafePointer<Float>, count: Int, headSize: Int
  ) {
    switch self {
    case .floats(let rows, let stride): limbeck_weighted_rows(out, weights, rows, stride, count, headSize)
    case .halves(let rows): limbeck_weighted_rows_f16(out, weights, rows, count, headSize)
    }
  }
}

extension CausalAttention {
  /// One token's queries [H·D] of the heads that share a key-value head, and the `count` keys and values they see:
  /// out[D] = softmax(s′)ᵀ · V for each, of the scores s′ that the rule makes of K·q. No factor is rounded.
  func attendOne(
    keyValueHead: Int, query: UnsafePointer<Float>, keys: HeadRows, values: HeadRows, count: Int,
    out: UnsafeMutablePointer<Float>, scratch scores: UnsafeMutablePointer<Float>
  ) {
    for head in keyValueHead * group..<(keyValueHead + 1) * group {
      let (query, out) = (query + head * headSize, out + head * headSize)
      keys.innerProducts(
        into: scores, query, count: count, headSize: headSize, backend: backend,
        scratch: scores + scoresCount(keys: count))
      if let cap = rule.cap { limbeck_soft_cap(scores, rule.scale, cap, count) }
      var maximum: Float = 0
      let total = limbeck_softmax_exponentials(scores, &maximum, rule.weightScale, count)
      values.weightedSum(into: out, scores, count: count, headSize: headSize)
      limbeck_scale(out, Float(1 / total), headSize)
    }
  }
}
