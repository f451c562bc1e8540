public import LanguageModels
public import ModelTraining

/// How much a decoder loses without each of its layers: what depth pruning keeps by.
///
/// What several layers are worth is taken to be the sum. On the demo's teacher that chooses the layers and pairs that
/// are the best after 80 steps of training; neither the loss after a pair is cut nor the angle between a layer's input
/// and output (ShortGPT, Men et al. 2024) does. See docs/distilling.md.
public struct LayerImportance: Sendable, Equatable {
  /// Of each layer [L]: by how many nats per token the loss on a text rises when it is left out.
  public let losses: [Double]

  /// Measures a decoder on a text, once for each layer.
  /// - Parameters:
  ///   - decoder: what is measured; nothing is recorded for gradients.
  ///   - text: what it reads, all of it; its sequences must fit into the decoder's context, its ids into the
  ///     vocabulary.
  ///   - progress: called after each layer with the number of layers measured so far and of all.
  public init(
    of decoder: any DecoderModel, on text: PackedSequences, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) {
    let count = decoder.configuration.layerCount
    guard count > 1 else {
      losses = [.infinity]
      return
    }
    let whole = text.natsPerToken(of: decoder)
    losses = (0..<count).map { layer in
      let others = (0..<count).filter { $0 != layer }
      guard let plan = try? StudentPlan(of: decoder.configuration, layers: .layers(others)) else {
        preconditionFailure("a decoder without layer \(layer)")
      }
      let loss = text.natsPerToken(of: TransformerDecoder(studentOf: decoder, plan)) - whole
      progress(layer + 1, count)
      // a model that gives no number without the layer cannot do without it
      return loss.isNaN ? .infinity : loss
    }
  }

  /// Importances that are known.
  init(losses: [Double]) { self.losses = losses }

  /// The `count` layers that matter most, of equal ones the first.
  public func most(_ count: Int) -> LayerSelection {
    let ranked = losses.indices.sorted { losses[$0] == losses[$1] ? $0 < $1 : losses[$0] > losses[$1] }
    return .layers(ranked.prefix(count).sorted())
  }
}

extension PackedSequences {
  /// Tokens per forward pass.
  private static let tokensTogether = 2048

  /// The mean cross-entropy of a decoder on the text, at offset 0: all of it, or about its first tokens.
  func natsPerToken(of decoder: any DecoderModel, first tokens: Int = .max) -> Double {
    let decoder = decoder.frozen(isConstant: true)
    let together = max(1, Self.tokensTogether / sequenceLength)
    let count = min(count, max(1, tokens / sequenceLength))
    var sums = LossSums.zero
    for start in stride(from: 0, to: count, by: together) {
      let batch = batch(Array(start..<min(count, start + together)))
      sums += CrossEntropyObjective().measure(decoder, on: batch, at: .only)
    }
    return sums.perToken.crossEntropy
  }
}
