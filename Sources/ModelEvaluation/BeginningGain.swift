public import LanguageModels
import TensorCore

/// How much better a model predicts text from the middle of documents with BOS in front than without it.
///
/// Many published models read BOS before everything they were trained on, and predict little without it: Gemma 3 270M
/// loses 1.5 nats a token of a novel. A model to which BOS is the beginning of a document predicts worse behind it.
public struct BeginningGain: Sendable, Equatable {
  /// The mean −ln q without BOS in front, in nats per token.
  public let natsWithout: Double
  /// The same of the same tokens, with BOS in front.
  public let natsWith: Double

  /// Whether a model that lacks BOS lacks more than another sample of text would make of it.
  public var isLarge: Bool { natsWithout - natsWith > 0.1 }

  /// Measures a decoder on sequences without BOS, of at least two tokens each.
  public init(of decoder: any DecoderModel, on sequences: [[Int32]], beginningID: Int32) {
    precondition(sequences.contains { $0.count >= 2 }, "no sequence of two tokens")
    let decoder = decoder.frozen()
    var (without, with, count) = (0.0, 0.0, 0)
    for sequence in sequences {
      let ids = sequence.prefix(decoder.configuration.contextLength - 1)
      guard ids.count >= 2 else { continue }
      let (fed, targets) = (Array(ids.dropLast()), Array(ids.dropFirst()))
      without += decoder.nats(of: targets, behind: fed, from: 0)
      // what follows from BOS alone is the first token, which nothing predicts without it
      with += decoder.nats(of: targets, behind: [beginningID] + fed, from: 1)
      count += targets.count
    }
    (natsWithout, natsWith) = (without / Double(count), with / Double(count))
  }
}

extension FrozenDecoder {
  /// The sum of −ln q of tokens, the first of which follows row `start` of `ids`.
  fileprivate func nats(of targets: [Int32], behind ids: [Int32], from start: Int) -> Double {
    let rows = targets.indices.map { Int32(start + $0) }
    return projection(of: hiddenStates(ids, batchSize: 1)).mapLogits(rows: rows) { index, logits, _, _ in
      negativeLogProbability(of: targets[index], logits.span)
    }.reduce(0, +)
  }
}
