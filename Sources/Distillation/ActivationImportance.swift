public import LanguageModels
public import ModelTraining
import TensorCore

/// How much each channel, head and neuron of a decoder does on a text: what width pruning keeps by (Minitron,
/// Muralidharan et al. 2024, arXiv 2407.14679). All are means over tokens of the sizes of activations; no gradient is
/// needed.
public struct ActivationImportance: Sendable, Equatable {
  /// Of each channel of the residual stream [C]: the mean of |norm(x)|, summed over all norms, the final one too.
  public private(set) var channels: [Double]
  /// Of each query head of each layer [L][H]: the mean of the Euclidean norm of what it gives.
  public private(set) var heads: [[Double]]
  /// Of each neuron of each layer [L][F]: the mean of |activation(gate(x)) · up(x)|.
  public private(set) var neurons: [[Double]]

  /// Tokens per forward pass.
  private static let tokensTogether = 2048

  /// Measures a decoder on a text.
  /// - Parameters:
  ///   - decoder: what is measured; nothing is recorded for gradients.
  ///   - text: what it reads; its sequences must fit into the decoder's context, its ids into the vocabulary.
  ///   - tokens: about how many tokens to measure, in sequences that are evenly spread over the text; all by default.
  ///   - progress: called after each part with the tokens measured so far and their number at the end.
  public init(
    of decoder: any DecoderModel, on text: PackedSequences, tokens: Int = .max,
    progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) {
    let decoder = decoder.frozen()
    let configuration = decoder.configuration
    channels = [Double](repeating: 0, count: configuration.hiddenSize)
    heads = (0..<configuration.layerCount).map { _ in [Double](repeating: 0, count: configuration.headCount) }
    neurons = (0..<configuration.layerCount).map { _ in [Double](repeating: 0, count: configuration.feedForwardSize) }
    let count = min(text.count, max(1, tokens / text.sequenceLength))
    let indices = (0..<count).map { $0 * text.count / count }
    let together = max(1, Self.tokensTogether / text.sequenceLength)
    let total = count * text.sequenceLength
    for start in stride(from: 0, to: count, by: together) {
      let batch = text.batch(Array(indices[start..<min(count, start + together)]))
      let output = decoder.hiddenStates(batch.ids, lengths: batch.segments) { add($1, at: $0, of: total) }
      Self.addMagnitudes(of: decoder.normalizedStates(output), to: &channels, of: total)
      progress(min(total, (start + together) * text.sequenceLength), total)
    }
  }

  private mutating func add(_ value: Tensor, at site: ActivationSite, of total: Int) {
    switch site {
    case .attentionInput, .feedForwardInput: Self.addMagnitudes(of: value, to: &channels, of: total)
    case .headOutputs(let layer): Self.addNorms(of: value, to: &heads[layer], of: total)
    case .neurons(let layer): Self.addMagnitudes(of: value, to: &neurons[layer], of: total)
    case .embedding, .layerOutput, .queries, .keys, .values, .attentionOutput, .attended, .feedForwardOutput: break
    }
  }

  /// Adds each column's Σ |x|/total to `sums`; value [N, columns].
  private static func addMagnitudes(of value: Tensor, to sums: inout [Double], of total: Int) {
    let (rows, columns) = (value.rows, value.columns)
    var part = [Float](repeating: 0, count: columns)
    value.withSpan { x in
      for row in 0..<rows {
        for column in 0..<columns { part[column] += abs(x[row * columns + column]) }
      }
    }
    for column in 0..<columns { sums[column] += Double(part[column]) / Double(total) }
  }

  /// Adds each head's Σ ‖x‖/total to `sums`; value [N, H·D] with H sums.
  private static func addNorms(of value: Tensor, to sums: inout [Double], of total: Int) {
    let (rows, columns, headSize) = (value.rows, value.columns, value.columns / sums.count)
    value.withSpan { x in
      for row in 0..<rows {
        for head in sums.indices {
          let start = row * columns + head * headSize
          var squares: Float = 0
          for index in start..<start + headSize { squares += x[index] * x[index] }
          sums[head] += Double(squares.squareRoot()) / Double(total)
        }
      }
    }
  }
}
