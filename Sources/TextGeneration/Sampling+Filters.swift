import TensorCore

extension Sampling {
  /// Applies the repetition penalty and returns the largest logit.
  func penalize(_ logits: inout MutableSpan<Float>, _ seen: Set<Int32>) throws(GenerationError) -> Float {
    if repetitionPenalty != 1 {
      let penalty = Float(repetitionPenalty)
      for id in seen {
        let logit = logits[Int(id)]
        logits[Int(id)] = logit < 0 ? logit * penalty : logit / penalty
      }
    }
    let largest = RowKernels.maximum(logits.span)
    guard largest.isFinite else { throw .logitsNotFinite(largest: largest) }
    return largest
  }

  /// Turns logits into weights in proportion to their probabilities, the largest 1, 0 for tokens that are left out.
  /// Returns the sum of the weights.
  func weigh(_ logits: inout MutableSpan<Float>, _ seen: Set<Int32>) throws(GenerationError) -> Double {
    try validate()
    let largest = try penalize(&logits, seen)
    // top-k before the temperature: division keeps the order, but rounding after it could make new ties
    if topK > 0 && topK < logits.count { Self.keepLargest(topK, &logits) }
    RowKernels.logSoftmax(&logits, maximum: largest, temperature: Float(temperature), logSum: 0)
    RowKernels.exponentiate(&logits)
    if topP < 1 { Self.keepNucleus(topP, &logits) }
    // a share of the greatest probability is a share of the greatest weight, which is 1
    if minP > 0 {
      for id in 0..<logits.count where Double(logits[id]) < minP { logits[id] = 0 }
    }
    return RowKernels.sum(logits.span)
  }

  /// Sets every logit below the k-th largest to −∞.
  private static func keepLargest(_ k: Int, _ logits: inout MutableSpan<Float>) {
    // The largest threshold that at least k logits reach, found bit by bit: neither memory nor sorting is needed.
    var threshold: UInt32 = 0
    for bit in (0..<32).reversed() {
      let candidate = threshold | 1 << UInt32(bit)
      var reached = 0
      for id in 0..<logits.count where order(logits[id]) >= candidate { reached += 1 }
      if reached >= k { threshold = candidate }
    }
    let smallest = logits.count > 0 ? value(ofOrder: threshold) : 0
    for id in 0..<logits.count where logits[id] < smallest { logits[id] = -.infinity }
  }

  /// Sets every weight outside the nucleus of mass p to 0: those whose mass, together with that of all smaller ones, is
  /// at most 1 − p. Of equal weights the one with the smaller id counts as the larger.
  private static func keepNucleus(_ p: Double, _ weights: inout MutableSpan<Float>) {
    let dispensable = (1 - p) * RowKernels.sum(weights.span)
    // Weights below this bound are dispensable all together, so only the others need to be sorted.
    let bound = dispensable / Double(weights.count)
    var below = 0.0
    var candidates: [Int32] = []
    for id in 0..<weights.count {
      let weight = Double(weights[id])
      if weight < bound {
        below += weight
        weights[id] = 0
      } else {
        candidates.append(Int32(id))
      }
    }
    let sorted = candidates.map { (weight: weights[Int($0)], id: $0) }
      .sorted { $0.weight == $1.weight ? $0.id > $1.id : $0.weight < $1.weight }
    for (weight, id) in sorted.dropLast() {
      below += Double(weight)
      guard below <= dispensable else { return }
      weights[Int(id)] = 0
    }
  }

  /// A number that is ordered as the floats are.
  private static func order(_ x: Float) -> UInt32 {
    let bits = x.bitPattern
    return bits >> 31 == 0 ? bits | 1 << 31 : ~bits
  }

  private static func value(ofOrder order: UInt32) -> Float {
    Float(bitPattern: order >> 31 == 1 ? order & ~(1 << 31) : ~order)
  }
}
