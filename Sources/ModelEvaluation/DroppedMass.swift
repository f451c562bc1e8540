import Foundation
public import LanguageModels
import TensorCore

/// What a model loses with a part of its vocabulary, on a text: the probability that it gives the tokens that are to be
/// dropped, and how well it predicts the others before and after its distribution is that of the others alone,
/// renormalised.
public struct DroppedMass: Codable, Sendable, Equatable {
  /// The number of positions that were scored.
  public var tokens: Int
  /// The mean probability of the dropped tokens, all together.
  public var mean: Double
  /// Its median.
  public var median: Double
  /// Its 99th percentile: 99 of 100 positions have at most so much.
  public var percentile99: Double
  /// How many of the text's own tokens are kept.
  public var keptTokens: Int
  /// The mean −ln q of the kept ones in the whole vocabulary, in nats; `nil` where none is kept.
  public var natsPerKeptToken: Double?
  /// The same in the kept vocabulary alone.
  public var natsPerKeptTokenRenormalised: Double?

  /// Evaluates a decoder in windows, as `Perplexity` does.
  /// - Parameters:
  ///   - decoder: the whole model.
  ///   - text: as the whole vocabulary's tokenizer encodes it.
  ///   - keptIDs: the ids that are kept, each once; at least one.
  ///   - window: the tokens of a window, at most the decoder's context length.
  ///   - progress: called after each batch of windows.
  /// - Throws: as `Perplexity(of:on:window:stride:batchSize:progress:)`.
  public init(
    of decoder: any DecoderModel, on text: EvaluationText, keeping keptIDs: [Int32], window: Int,
    progress: (EvaluationProgress) -> Void = { _ in }
  ) throws(EvaluationError) {
    let name = "the model"
    let windows = try EvaluationWindows(
      text, window: window, stride: nil, batchSize: nil, models: [(name, decoder)])
    precondition(!keptIDs.isEmpty, "no token is kept")
    let decoder = decoder.frozen()
    let kept = Set(keptIDs)
    var scores: [Score] = []
    var meter = ProgressMeter(totalTokens: windows.scoredTokens)
    for group in windows.groups(batchSize: nil) {
      let batch = windows.batch(group)
      let hidden = decoder.hiddenStates(batch.ids, batchSize: batch.windowCount)
      let found = decoder.projection(of: hidden).mapLogits(rows: batch.rows) { index, logits, _, scratch in
        Score(logits.span, target: batch.targets[index], keeping: keptIDs, in: &scratch)
      }
      for (position, score) in zip(batch.positions, found) {
        try text.requireFinite(score.nats, "loss", of: name, position: position)
      }
      for (index, target) in batch.targets.enumerated() {
        var score = found[index]
        score.isKept = kept.contains(target)
        scores.append(score)
      }
      progress(meter.adding(found.map(\.nats)))
    }
    self.init(scores)
  }

  private init(_ scores: [Score]) {
    let masses = scores.map(\.dropped).sorted()
    tokens = masses.count
    mean = masses.reduce(0, +) / Double(masses.count)
    median = Self.quantile(0.5, of: masses)
    percentile99 = Self.quantile(0.99, of: masses)
    let kept = scores.filter(\.isKept)
    keptTokens = kept.count
    natsPerKeptToken = kept.isEmpty ? nil : kept.reduce(0) { $0 + $1.nats } / Double(kept.count)
    natsPerKeptTokenRenormalised =
      kept.isEmpty ? nil : kept.reduce(0) { $0 + $1.nats + $1.gain } / Double(kept.count)
  }

  /// The least of some values, sorted, that a share of them does not exceed.
  private static func quantile(_ share: Double, of sorted: [Double]) -> Double {
    sorted[min(sorted.count - 1, max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1))]
  }

  private enum CodingKeys: String, CodingKey {
    case tokens
    case mean
    case median
    case percentile99 = "percentile_99"
    case keptTokens = "kept_tokens"
    case natsPerKeptToken = "nats_per_kept_token"
    case natsPerKeptTokenRenormalised = "nats_per_kept_token_renormalised"
  }
}

/// One position.
private struct Score {
  /// −ln q of the text's token.
  let nats: Double
  /// ln of the probability of all kept tokens together: what is added to the nats of one of them.
  let gain: Double
  var isKept = false

  /// The probability of the dropped tokens.
  var dropped: Double { max(0, -expm1(gain)) }

  /// `scratch` has room for the logits.
  init(_ logits: Span<Float>, target: Int32, keeping keptIDs: [Int32], in scratch: inout MutableSpan<Float>) {
    for (place, id) in keptIDs.enumerated() { scratch[place] = logits[Int(id)] }
    let kept = scratch.span.extracting(0..<keptIDs.count)
    let (largest, largestKept) = (RowKernels.maximum(logits), RowKernels.maximum(kept))
    let sum = Double(RowKernels.logSum(logits, maximum: largest, temperature: 1))
    let keptSum = Double(RowKernels.logSum(kept, maximum: largestKept, temperature: 1))
    nats = sum + (Double(largest) - Double(logits[Int(target)]))
    gain = min(0, keptSum - sum + (Double(largestKept) - Double(largest)))
  }
}
