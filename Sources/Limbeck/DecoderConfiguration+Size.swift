extension DecoderConfiguration {
  /// A Llama of about so many parameters.
  ///
  /// The hidden size C is the multiple of 32 (from 512 on, of 64) whose model comes nearest; it has 4 + C / 128 layers,
  /// heads of 32 (from C = 512 on, of 64) channels, a feed-forward size of 8/3 C, rounded up to a multiple of 32, and a
  /// head that is tied to the embedding. Fresh weights of models narrower than 512 have a standard deviation of 0.05,
  /// with which these learn faster than with 0.02 (docs/performance/training-quality.md). That is near the sizes of
  /// published models from 260 thousand to 1 billion parameters.
  /// - Parameters:
  ///   - parameters: the number of parameters to come near to, the embedding's included, at least 1.
  ///   - vocabularySize: V, at least 1.
  ///   - contextLength: the longest sequence, at least 1.
  ///   - tokenizer: has the ids that begin and end texts.
  public init(parameters: Int, vocabularySize: Int, contextLength: Int, tokenizer: any Tokenizer) {
    func sized(_ hiddenSize: Int) -> DecoderConfiguration {
      DecoderConfiguration(
        vocabularySize: vocabularySize, hiddenSize: hiddenSize,
        feedForwardSize: (hiddenSize * 8 / 3 + 31) / 32 * 32, layerCount: 4 + hiddenSize / 128,
        headCount: hiddenSize / (hiddenSize < 512 ? 32 : 64), contextLength: contextLength, tiesEmbeddings: true,
        initializerRange: hiddenSize < 512 ? 0.05 : 0.02,
        bosTokenID: tokenizer.bosID.map { Int($0) }, eosTokenIDs: [tokenizer.eosID].compactMap { $0.map { Int($0) } },
        padTokenID: tokenizer.padID.map { Int($0) })
    }
    let sizes = Array(stride(from: 32, to: 512, by: 32)) + Array(stride(from: 512, through: 32_768, by: 64))
    func distance(_ hiddenSize: Int) -> Int {
      abs((sized(hiddenSize).weightCount ?? .max) - parameters)
    }
    var best = (size: sizes[0], distance: distance(sizes[0]))
    for size in sizes.dropFirst() {
      let distance = distance(size)
      if distance >= best.distance { break }
      best = (size, distance)
    }
    self = sized(best.size)
  }
}

/// The size of a model as a user names it: `260K`, `3M`, `1.5B`, or `small` for 3 million parameters.
public struct ModelSize: Hashable, Sendable {
  /// The number of parameters.
  public let parameters: Int

  /// nil where the text is no size, or one below 1 or above a trillion parameters.
  public init?(_ text: String) {
    let text = text.lowercased() == "small" ? "3M" : text
    let units: [Character: Double] = ["k": 1e3, "m": 1e6, "b": 1e9]
    guard let unit = text.lowercased().last.flatMap({ units[$0] }), text.first?.isNumber == true,
      let count = Double(text.dropLast()), (1...1e12).contains(count * unit)
    else { return nil }
    parameters = Int(count * unit)
  }

  /// The same size in other letters, for where a file has the name of this one: `3M` of `small`, `3.0M` of `3M`.
  package static func otherSpelling(of text: String) -> String {
    guard let unit = text.last, text.lowercased() != "small" else { return "3M" }
    let number = text.dropLast()
    return "\(number)\(number.contains(".") ? "0" : ".0")\(unit)"
  }
}
