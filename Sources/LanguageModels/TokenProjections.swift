import TensorCore

/// Queries, keys and values of the first layer, normalised where the decoder normalises them and before rotation, of
/// every token id.
///
/// Neither positions nor other tokens enter them, so that a decoder whose weights are constant need not compute them
/// token by token (Graef 2024, "Transformer tricks: Precomputing the first layer").
struct TokenProjections {
  /// [V, H·D] and two of [V, K·D]
  private let table: AttentionProjections

  /// - Parameters:
  ///   - block: the first layer.
  ///   - embedding: the embedding of every id, scaled [V, C].
  init(of block: DecoderBlock, embedding: Tensor) {
    table = block.attention.projections(of: block.attentionNorm(embedding))
  }

  /// Those of the given tokens: [N, H·D] and two of [N, K·D].
  func callAsFunction(_ ids: [Int32], on device: Device) -> AttentionProjections {
    AttentionProjections(
      queries: table.queries.on(device).embedding(ids), keys: table.keys.on(device).embedding(ids),
      values: table.values.on(device).embedding(ids))
  }
}

extension DecoderConfiguration {
  /// Whether `TokenProjections` gain a share of the time that one sees for memory that one does not: where the
  /// vocabulary is small beside the layers, and these are few.
  var hasWorthwhileTokenProjections: Bool {
    let outputs = (headCount + 2 * keyValueHeadCount) * headSize
    let projections = outputs * hiddenSize
    let maps = projections + hiddenSize * (headCount * headSize + 3 * feedForwardSize)
    let products = layerCount * maps + vocabularySize * hiddenSize
    let bytes = 4 * vocabularySize * outputs
    return 50 * projections >= products && bytes <= 16 << 20
  }
}
