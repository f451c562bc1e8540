import Foundation
public import LanguageModels
import TensorCore

/// Plain language modelling: the cross-entropy −log q(target), in nats, of the model's distribution q.
public struct CrossEntropyObjective: TrainingObjective, Sendable {
  /// The objective; it has no settings.
  public init() {}

  /// Adds `scale` × the gradient of the summed cross-entropy to the model's gradients; nothing is computed for a batch
  /// without counted tokens.
  public func accumulateGradients(
    of model: TransformerDecoder, on batch: TokenBatch, at position: StepPosition, scale: Double
  ) -> LossSums {
    precondition(scale > 0 && scale.isFinite, "gradients scaled by \(scale)")
    let rows = batch.countedRows
    guard !rows.isEmpty else { return .zero }
    let hidden = model.hiddenStates(batch.ids, lengths: batch.segments)
    let backward = BackwardPass()
    let values = model.projection(of: hidden).mapLogits(rows: rows, backward: backward) { index, logits, _, _ in
      Self.replaceByGradient(&logits, target: Int(batch.targets[Int(rows[index])]), scale: scale)
    }
    backward.run()
    return Self.sums(values)
  }

  /// The summed cross-entropy on a batch, and the entropy of the model's distributions.
  public func measure(_ model: any DecoderModel, on batch: TokenBatch, at position: StepPosition) -> LossSums {
    let rows = batch.countedRows
    guard !rows.isEmpty else { return .zero }
    let hidden = model.hiddenStates(batch.ids, lengths: batch.segments)
    let found = model.projection(of: hidden).mapLogits(rows: rows) { index, logits, _, _ in
      let crossEntropy = Self.crossEntropy(logits.span, target: Int(batch.targets[Int(rows[index])]))
      RowKernels.logSoftmax(&logits)
      return MeasuredToken(crossEntropy: crossEntropy, entropy: RowKernels.entropy(logits.span))
    }
    var sums = Self.sums(found.map(\.crossEntropy))
    sums.terms[.entropy] = found.reduce(0) { $0 + $1.entropy }
    return sums
  }

  /// What is found at one token, in nats.
  private struct MeasuredToken {
    let crossEntropy: Double
    let entropy: Double
  }

  private static func sums(_ values: [Double]) -> LossSums {
    let total = values.reduce(0, +)
    return LossSums(tokens: values.count, loss: total, crossEntropy: total)
  }

  /// −log softmax(logits)[target] of a row [V].
  private static func crossEntropy(_ logits: Span<Float>, target: Int) -> Double {
    let maximum = RowKernels.maximum(logits)
    let logSum = RowKernels.logSum(logits, maximum: maximum, temperature: 1)
    // The large terms cancel first, so that a confident prediction keeps its digits.
    return Double(logSum) - (Double(logits[target]) - Double(maximum))
  }

  /// Overwrites a row of logits [V] with scale · (softmax − onehot(target)); returns the cross-entropy.
  static func replaceByGradient(_ logits: inout MutableSpan<Float>, target: Int, scale: Double) -> Double {
    let maximum = RowKernels.maximum(logits.span)
    let distance = Double(logits[target]) - Double(maximum)
    let sum = RowKernels.exponentiate(&logits, maximum: maximum)
    let crossEntropy = log(sum) - distance
    RowKernels.scale(&logits, by: Float(scale / sum))
    // q − 1 without cancellation where q is close to 1
    logits[target] = Float(scale * expm1(-crossEntropy))
    return crossEntropy
  }
}
