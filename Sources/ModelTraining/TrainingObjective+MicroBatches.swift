public import LanguageModels
import TensorCore

extension TrainingObjective {
  /// As `accumulateGradients(of:on:at:scale:)`, some sequences at a time where that pays: what one operation leaves for
  /// the next is then still in the last cache, and activations of these sequences alone exist at once. The gradients
  /// are the same but for rounding; where a batch is cut depends on shapes alone.
  ///
  /// `isWanted` is asked before each part; once it says no, the sums and gradients are those of the parts before.
  public func accumulateGradientsInMicroBatches(
    of model: TransformerDecoder, on batch: TokenBatch, at position: StepPosition, scale: Double,
    isWanted: () -> Bool = { true }
  ) -> LossSums {
    var sums = LossSums.zero
    for microBatch in batch.microBatches(for: model) where isWanted() {
      sums += accumulateGradients(of: model, on: microBatch, at: position, scale: scale)
    }
    return sums
  }
}

extension TokenBatch {
  /// Their activations stay in the last cache, of models of some hundred channels; fewer rows make slower products.
  private static let tokensAtOnce = 1024

  /// The batch cut into micro-batches of whole sequences, as equal as can be. Of a head that is the greater part of the
  /// model there is one: each reads and packs all of it.
  func microBatches(for model: TransformerDecoder) -> [TokenBatch] {
    guard model.head.count <= model.nonEmbeddingParameterCount else { return [self] }
    let together = max(1, Self.tokensAtOnce / max(1, length))
    let count = (batchSize + together - 1) / together
    return count == 1
      ? [self] : (0..<count).map { sequences($0 * batchSize / count..<($0 + 1) * batchSize / count) }
  }
}
