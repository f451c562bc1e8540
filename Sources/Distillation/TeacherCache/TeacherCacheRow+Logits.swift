import Foundation
import TensorCore

extension TeacherCacheRow {
  /// What a method keeps of the distribution softmax(logits/τ), of logits [V], which are overwritten. `generator` is of
  /// this token alone. nil where the logits are not finite but for −∞.
  init?(
    _ method: TeacherCacheMethod, logits: inout MutableSpan<Float>, temperature: Float,
    generator: consuming SeededGenerator
  ) {
    let maximum = RowKernels.maximum(logits.span)
    guard maximum.isFinite else { return nil }
    switch method {
    case .topK(let k):
      self.init(largest: k, of: &logits, maximum: maximum, temperature: temperature, keepsRest: false)
    case .topKTail(let k):
      self.init(largest: k, of: &logits, maximum: maximum, temperature: temperature, keepsRest: true)
    case .sampled(let draws):
      let uniforms = (0..<draws).map { _ in generator.nextUniform() }.sorted()
      self.init(uniforms, logits: &logits, maximum: maximum, temperature: temperature)
    case .dense16:
      let logSum = RowKernels.logSum(logits.span, maximum: maximum, temperature: temperature)
      RowKernels.logSoftmax(&logits, maximum: maximum, temperature: temperature, logSum: logSum)
      self = .dense(RowKernels.codes(ofLogProbabilities: logits.span))
    case .hidden: preconditionFailure("hidden states do not come from logits")
    }
  }

  private init(
    largest k: Int, of logits: inout MutableSpan<Float>, maximum: Float, temperature: Float, keepsRest: Bool
  ) {
    let logSum = RowKernels.logSum(logits.span, maximum: maximum, temperature: temperature)
    let ids = RowKernels.largest(k, of: logits.span)
    let kept = ids.map { (logits[Int($0)] - maximum) / temperature - logSum }
    var rest: UInt16?
    if keepsRest {
      // summed by itself: 1 less the mass of the others would have no digits left where that is close to 1
      for id in ids { logits[Int(id)] = -.infinity }
      let logRest = RowKernels.logSum(logits.span, maximum: maximum, temperature: temperature) - logSum
      rest = RowKernels.codes(ofLogProbabilities: [logRest].span)[0]
    }
    self = .largest(ids: ids, codes: RowKernels.codes(ofLogProbabilities: kept.span), rest: rest)
  }

  private init(_ uniforms: [Double], logits: inout MutableSpan<Float>, maximum: Float, temperature: Float) {
    let (sum, cross) = RowKernels.weigh(&logits, maximum: maximum, temperature: temperature)
    let negativeEntropy = Float(cross / sum - log(sum))
    var (ids, counts): ([Int32], [Int32]) = ([], [])
    for id in RowKernels.draw(uniforms, from: logits.span) {
      if id == ids.last {
        counts[counts.count - 1] += 1
      } else {
        ids.append(id)
        counts.append(1)
      }
    }
    self = .drawn(
      ids: ids, counts: counts, entropy: RowKernels.codes(ofLogProbabilities: [negativeEntropy].span)[0])
  }
}
