/// What a decoder is made of: sizes and constants, of no file format. `check()` says whether they fit together.
///
/// Letters: V vocabulary, C hidden size, F feed-forward size, L layers, H query heads, K key-value heads, D head size.
public struct DecoderConfiguration: Equatable, Sendable {
  /// The family whose files it is written to: `llama`. The decoder itself does not depend on it.
  public var family: String
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
  /// How attention tells positions apart.
  public var rotary: RotaryPositions
  /// Whether the head is the transposed embedding.
  public var tiesEmbeddings: Bool
  /// The matrices that have biases.
  public var biases: Set<LayerMatrix>
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
    family: String = "llama", vocabularySize: Int, hiddenSize: Int, feedForwardSize: Int, layerCount: Int,
    headCount: Int, keyValueHeadCount: Int? = nil, headSize: Int? = nil, contextLength: Int = 2048,
    normEpsilon: Float = 1e-6, rotary: RotaryPositions = RotaryPositions(), tiesEmbeddings: Bool = false,
    biases: Set<LayerMatrix> = [], initializerRange: Float = 0.02, bosTokenID: Int? = 1, eosTokenIDs: [Int] = [2],
    padTokenID: Int? = nil
  ) {
    self.family = family
    self.vocabularySize = vocabularySize
    self.hiddenSize = hiddenSize
    self.feedForwardSize = feedForwardSize
    self.layerCount = layerCount
    self.headCount = headCount
    self.keyValueHeadCount = keyValueHeadCount ?? headCount
    self.headSize = headSize ?? (headCount > 0 ? hiddenSize / headCount : 0)
    self.contextLength = contextLength
    self.normEpsilon = normEpsilon
    self.rotary = rotary
    self.tiesEmbeddings = tiesEmbeddings
    self.biases = biases
    self.initializerRange = initializerRange
    self.bosTokenID = bosTokenID
    self.eosTokenIDs = eosTokenIDs
    self.padTokenID = padTokenID
  }
}

extension Set<LayerMatrix> {
  /// The four matrices of attention.
  public static let attention: Self = [.query, .key, .value, .output]
  /// The three of the feed-forward network.
  public static let feedForward: Self = [.gate, .up, .down]
}
