/// What a decoder of the Llama architecture is made of, complete and checked. Read from a config.json by
/// `init(_: HuggingFaceConfiguration)`; a value made by the memberwise initialiser is checked by `validate(file:)`.
///
/// Letters: V vocabulary, C hidden size, F feed-forward size, L layers, H query heads, K key-value heads, D head size.
public struct DecoderConfiguration: Equatable, Sendable {
  /// V: the number of token ids.
  public var vocabularySize: Int
  /// C: the size of a token's hidden state.
  public var hiddenSize: Int
  /// F: the inner size of a feed-forward layer.
  public var feedForwardSize: Int
  /// L: the number of layers.
  public var layerCount: Int
  /// H: the number of query heads; divides C.
  public var headCount: Int
  /// K: the number of key-value heads; divides H.
  public var keyValueHeadCount: Int
  /// D: the size of a head; even, for rotary embeddings turn pairs.
  public var headSize: Int
  /// The longest sequence, in tokens.
  public var contextLength: Int
  /// What RMSNorm adds to the mean of squares.
  public var normEpsilon: Float
  /// The base of the rotary embeddings' wavelengths.
  public var ropeTheta: Double
  /// Whether the head is the transposed embedding.
  public var tiesEmbeddings: Bool
  /// Whether the four projections of attention have biases.
  public var attentionBias: Bool
  /// Whether the three projections of the feed-forward layer have biases.
  public var feedForwardBias: Bool
  /// The standard deviation of fresh weights.
  public var initializerRange: Float
  /// The token before a text, if there is one.
  public var bosTokenID: Int?
  /// The tokens that end a text.
  public var eosTokenIDs: [Int]
  /// The token that fills up batches, if there is one.
  public var padTokenID: Int?

  /// Makes a configuration. What has a default here has the one of transformers' `LlamaConfig`
  /// (configuration_llama.py, transformers 5.23).
  public init(
    vocabularySize: Int, hiddenSize: Int, feedForwardSize: Int, layerCount: Int, headCount: Int,
    keyValueHeadCount: Int? = nil, headSize: Int? = nil, contextLength: Int = 2048, normEpsilon: Float = 1e-6,
    ropeTheta: Double = 10_000, tiesEmbeddings: Bool = false, attentionBias: Bool = false,
    feedForwardBias: Bool = false, initializerRange: Float = 0.02, bosTokenID: Int? = 1, eosTokenIDs: [Int] = [2],
    padTokenID: Int? = nil
  ) {
    self.vocabularySize = vocabularySize
    self.hiddenSize = hiddenSize
    self.feedForwardSize = feedForwardSize
    self.layerCount = layerCount
    self.headCount = headCount
    self.keyValueHeadCount = keyValueHeadCount ?? headCount
    self.headSize = headSize ?? (headCount > 0 ? hiddenSize / headCount : 0)
    self.contextLength = contextLength
    self.normEpsilon = normEpsilon
    self.ropeTheta = ropeTheta
    self.tiesEmbeddings = tiesEmbeddings
    self.attentionBias = attentionBias
    self.feedForwardBias = feedForwardBias
    self.initializerRange = initializerRange
    self.bosTokenID = bosTokenID
    self.eosTokenIDs = eosTokenIDs
    self.padTokenID = padTokenID
  }
}
