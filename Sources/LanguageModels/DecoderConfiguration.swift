public import TensorCore

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
  /// What each layer's attention sees [L].
  public var attention: [LayerAttention]
  /// H: the number of query heads.
  public var headCount: Int
  /// K: the number of key-value heads; divides H.
  public var keyValueHeadCount: Int
  /// D: the size of a head; even, for rotary embeddings turn pairs. H·D need not be C.
  public var headSize: Int
  /// The longest sequence, in tokens.
  public var contextLength: Int
  /// What RMSNorm adds to the mean of squares.
  public var normEpsilon: Float
  /// What is added to the weights of a norm to give its gain: 0, or 1 in Gemma, whose weights start at 0.
  public var normOffset: Float
  /// Whether the outputs of attention and of the feed-forward network are normalised before they are added to the
  /// residual stream, as in Gemma 2.
  public var hasPostNorms: Bool
  /// Whether each head's queries and keys are normalised before they are rotated, as in Qwen3.
  public var normalizesQueriesAndKeys: Bool
  /// The activation of the feed-forward network's gate.
  public var activation: GateActivation
  /// What products of queries and keys are multiplied by; nil for 1/√D.
  public var attentionScale: Float?
  /// The soft cap c of attention's scores s, which become c·tanh(s/c), as in Gemma 2; nil for none.
  public var attentionCap: Float?
  /// The soft cap of the logits; nil for none.
  public var logitCap: Float?
  /// What embeddings are multiplied by where they enter the first layer.
  public var embeddingScale: EmbeddingScale
  /// What the outputs of attention and of the feed-forward network are multiplied by before they are added to the
  /// residual stream.
  public var residualScale: Float
  /// What logits are multiplied by, before they are capped.
  public var logitScale: Float
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

  /// L: the number of layers. Setting it drops the last ones, or adds some like the last.
  public var layerCount: Int {
    get { attention.count }
    set {
      let layers = min(max(0, newValue), Self.layerLimit + 1)
      let more = Array(repeating: attention.last ?? LayerAttention(), count: max(0, layers - attention.count))
      attention = attention.prefix(layers) + more
    }
  }
  /// What products of queries and keys are multiplied by.
  public var scoreScale: Float { attentionScale ?? 1 / Float(headSize).squareRoot() }

  /// Makes a configuration whose layers all rotate by `rotary` and see everything before; `attention` replaces that,
  /// and `layerCount`. What has a default here has the one of transformers' `LlamaConfig` (configuration_llama.py,
  /// transformers 5.23).
  public init(
    family: String = "llama", vocabularySize: Int, hiddenSize: Int, feedForwardSize: Int, layerCount: Int,
    headCount: Int, keyValueHeadCount: Int? = nil, headSize: Int? = nil, contextLength: Int = 2048,
    normEpsilon: Float = 1e-6, rotary: RotaryPositions = RotaryPositions(), attention: [LayerAttention]? = nil,
    tiesEmbeddings: Bool = false, biases: Set<LayerMatrix> = [], initializerRange: Float = 0.02,
    bosTokenID: Int? = 1, eosTokenIDs: [Int] = [2], padTokenID: Int? = nil
  ) {
    self.family = family
    self.vocabularySize = vocabularySize
    self.hiddenSize = hiddenSize
    self.feedForwardSize = feedForwardSize
    // a number from a file that is beyond reason is for `check()` to refuse, and not for memory to run out of
    let layers = min(max(0, layerCount), Self.layerLimit + 1)
    self.attention = attention ?? Array(repeating: LayerAttention(rotary: rotary), count: layers)
    self.headCount = headCount
    self.keyValueHeadCount = keyValueHeadCount ?? headCount
    self.headSize = headSize ?? (headCount > 0 ? hiddenSize / headCount : 0)
    self.contextLength = contextLength
    self.normEpsilon = normEpsilon
    normOffset = 0
    hasPostNorms = false
    normalizesQueriesAndKeys = false
    activation = .silu
    embeddingScale = .factor(1)
    residualScale = 1
    logitScale = 1
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
