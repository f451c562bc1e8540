import Diagnostics

/// How many steps a run takes, and how many sequences each of them reads.
public struct TrainingLength: Sendable, Equatable {
  /// The number of optimiser steps.
  public let steps: Int
  /// Sequences per step, but for the last one: the recipe's batch size, or all sequences of an epoch where these are
  /// fewer, so that no step reads a sequence twice.
  public let batchSize: Int
  /// All sequences of a run of so many epochs; nil where the steps are given.
  let sequences: Int?

  /// The sequences of the step before which so many were read: what is left of the last epoch may be less than a batch.
  func batchSize(after sequencesRead: Int) -> Int {
    sequences.map { max(1, min(batchSize, $0 - sequencesRead)) } ?? batchSize
  }
}

extension PackedSequences {
  /// The sequences of an epoch, at least 1: those that have something to learn, where the cuts are not shifted.
  public var sequencesOfEpoch: Int { max(1, countedSequences(offset: 0)) }
}

extension TrainingRecipe {
  /// The length of a run over a text. Throws `value` where the recipe makes no sense, `nothingCounted` where there is
  /// nothing to learn in the text.
  public func length(over text: PackedSequences) throws(TrainingError) -> TrainingLength {
    try validate()
    try text.requireCountedTokens()
    var order = SequenceOrder(of: text, seed: seed)
    let batchSize = min(batchSize, max(1, order.count(ofEpoch: 0)))
    if let steps { return TrainingLength(steps: steps, batchSize: batchSize, sequences: nil) }
    guard let epochs, let sequences = order.count(inEpochs: epochs) else {
      throw .value(
        InvalidValue("epochs", expected: "at most 10¹⁵ sequences in all", found: "\(epochs ?? 0)"))
    }
    return TrainingLength(
      steps: (sequences - 1) / batchSize + 1, batchSize: batchSize, sequences: sequences)
  }
}
