import Foundation
import LanguageModels
import ModelFiles
import Tokenization

extension Inspect {
  /// What a model's folder holds.
  struct ModelReport: Encodable {
    let sizes: ModelSizes
    /// The types of the weights on disk.
    let types: [String]
    let weightBytes: Int
    let weightDigest: String
    let tokenizerTokens: Int?
    let tokenizerDigest: String?
    /// What the user should know of the folder.
    let warnings: [String]

    private enum CodingKeys: String, CodingKey {
      case types, weightBytes, weightDigest, tokenizerTokens, tokenizerDigest
    }

    func encode(to encoder: any Encoder) throws {
      try sizes.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(types, forKey: .types)
      try container.encode(weightBytes, forKey: .weightBytes)
      try container.encode(weightDigest, forKey: .weightDigest)
      try container.encodeIfPresent(tokenizerTokens, forKey: .tokenizerTokens)
      try container.encodeIfPresent(tokenizerDigest, forKey: .tokenizerDigest)
    }

    init(folder: URL) throws {
      let checkpoint = try ModelFolder(contentsOf: folder)
      try checkpoint.requireExactly(checkpoint.configuration.weights)
      let tokenizer = try TokenizerFormat.ofFolder(folder).map { _ in try loadTokenizer(from: folder) }
      sizes = ModelSizes(checkpoint.configuration)
      types = Set(try checkpoint.weights.names.map { try checkpoint.weights.tensor(named: $0).type }).sorted()
      weightBytes = checkpoint.weightBytes
      weightDigest = checkpoint.digest
      tokenizerTokens = tokenizer?.vocabularySize
      tokenizerDigest = tokenizer?.digest.hexadecimal
      var warnings = checkpoint.warnings
      if let tokens = tokenizer?.vocabularySize, tokens > checkpoint.configuration.vocabularySize {
        warnings.append(
          "the tokenizer has \(Format.count(tokens)) tokens, more than the model has outputs: they do not belong "
            + "together")
      }
      if let tokenizer { warnings += checkpoint.configuration.specialIDWarnings(for: tokenizer) }
      self.warnings = warnings
    }

    func add(to facts: inout FactList) {
      sizes.add(to: &facts)
      facts.add("on disk", "\(Format.bytes(weightBytes)), \(types.joined(separator: " and "))")
      facts.add("digest of the weights", weightDigest)
      facts.add("tokenizer", tokenizerTokens.map { "\(Format.count($0)) tokens" + unused($0) } ?? "none in the folder")
      if let tokenizerDigest { facts.add("digest of the tokenizer", tokenizerDigest) }
    }

    private func unused(_ tokens: Int) -> String {
      let others = sizes.vocabularySize - tokens
      return others > 0 ? "; \(Format.count(others)) outputs of the model have none" : ""
    }
  }

  /// What a configuration says of a model.
  struct ModelSizes: Encodable {
    let family: String
    let vocabularySize, hiddenSize, feedForwardSize, layers, heads, keyValueHeads, headSize, contextLength: Int
    let ropeTheta: Double
    let normEpsilon: Float
    let tiedEmbeddings: Bool
    let parameters, nonEmbeddingParameters: Int
    /// Of the weights in float32, and of those with gradients and moments.
    let runningBytes, trainingBytes: Int

    init(_ configuration: DecoderConfiguration) {
      family = configuration.family
      vocabularySize = configuration.vocabularySize
      hiddenSize = configuration.hiddenSize
      feedForwardSize = configuration.feedForwardSize
      layers = configuration.layerCount
      heads = configuration.headCount
      keyValueHeads = configuration.keyValueHeadCount
      headSize = configuration.headSize
      contextLength = configuration.contextLength
      ropeTheta = configuration.rotary.base
      normEpsilon = configuration.normEpsilon
      tiedEmbeddings = configuration.tiesEmbeddings
      let sizes = configuration.weights.map { ($0.role, $0.shape.reduce(1, *)) }
      parameters = sizes.reduce(0) { $0 + $1.1 }
      nonEmbeddingParameters = sizes.reduce(0) { [.embedding, .head].contains($1.0) ? $0 : $0 + $1.1 }
      runningBytes = parameters * MemoryLayout<Float>.size
      trainingBytes = parameters * DecoderConfiguration.trainingBytesPerWeight
    }

    func add(to facts: inout FactList) {
      facts.add("family", family)
      facts.add("vocabulary", Format.count(vocabularySize) + (tiedEmbeddings ? ", head tied to the embedding" : ""))
      facts.add("hidden size", Format.count(hiddenSize))
      facts.add("feed-forward size", Format.count(feedForwardSize))
      facts.add("layers", "\(layers)")
      facts.add("heads", "\(heads) of \(headSize), \(keyValueHeads) for keys and values")
      facts.add("context", "\(Format.count(contextLength)) tokens, rotary base \(ropeTheta)")
      facts.add(
        "parameters",
        "\(Format.count(parameters)): \(Format.count(parameters - nonEmbeddingParameters)) embedding and head, "
          + "\(Format.count(nonEmbeddingParameters)) others")
    }
  }
}
