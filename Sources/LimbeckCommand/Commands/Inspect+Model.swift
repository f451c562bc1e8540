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
      let checkpoint = try openModel(at: folder)
      try checkpoint.requireExactly(checkpoint.configuration.weights)
      let tokenizer = try checkpoint.hasTokenizer ? loadTokenizer(from: folder) : nil
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
      facts.add("tokenizer", tokenizerTokens.map { Format.count($0, "token") + unused($0) } ?? "none in the folder")
      if let tokenizerDigest { facts.add("digest of the tokenizer", tokenizerDigest) }
    }

    private func unused(_ tokens: Int) -> String {
      let others = (sizes.vocabularySize ?? tokens) - tokens
      return others > 0 ? "; \(Format.count(others, "output")) of the model without one" : ""
    }
  }

  /// What a configuration says of a model.
  struct ModelSizes: Encodable {
    let family: String
    /// V; nil where it is left to the tokenizer.
    let vocabularySize: Int?
    let hiddenSize, feedForwardSize, layers, heads, keyValueHeads, headSize, contextLength: Int
    /// The base of the first layer that turns queries and keys; nil where none does.
    let ropeTheta: Double?
    let normEpsilon: Float
    let tiedEmbeddings: Bool
    let arithmetic: ModelArithmetic?
    /// Nil where V is not known.
    let parameters: Int?
    let nonEmbeddingParameters: Int
    /// Of the weights in float32, and of those with gradients and moments; without embedding and head where V is not
    /// known.
    let runningBytes, trainingBytes: Int

    /// `hasVocabulary` says whether V is known, rather than left to the tokenizer.
    init(_ configuration: DecoderConfiguration, hasVocabulary: Bool = true) {
      family = configuration.family
      vocabularySize = hasVocabulary ? configuration.vocabularySize : nil
      hiddenSize = configuration.hiddenSize
      feedForwardSize = configuration.feedForwardSize
      layers = configuration.layerCount
      heads = configuration.headCount
      keyValueHeads = configuration.keyValueHeadCount
      headSize = configuration.headSize
      contextLength = configuration.contextLength
      ropeTheta = configuration.attention.lazy.compactMap(\.rotary).first?.base
      normEpsilon = configuration.normEpsilon
      tiedEmbeddings = configuration.tiesEmbeddings
      arithmetic = ModelArithmetic(configuration)
      let sizes = configuration.weights.map { ($0.role, $0.shape.reduce(1, *)) }
      let all = sizes.reduce(0) { $0 + $1.1 }
      parameters = hasVocabulary ? all : nil
      nonEmbeddingParameters = sizes.reduce(0) { [.embedding, .head].contains($1.0) ? $0 : $0 + $1.1 }
      let known = parameters ?? nonEmbeddingParameters
      runningBytes = known * MemoryLayout<Float>.size
      trainingBytes = known * DecoderConfiguration.trainingBytesPerWeight
    }

    func add(to facts: inout FactList) {
      facts.add("family", family)
      facts.add(
        "vocabulary",
        (vocabularySize.map(Format.count) ?? "that of the tokenizer, for config.json has no vocab_size")
          + (tiedEmbeddings ? ", head tied to the embedding" : ""))
      facts.add("hidden size", Format.count(hiddenSize))
      facts.add("feed-forward size", Format.count(feedForwardSize))
      facts.add("layers", "\(layers)")
      facts.add("heads", "\(heads) of \(headSize), \(keyValueHeads) for keys and values")
      facts.add(
        "context",
        Format.count(contextLength, "token")
          + (arithmetic?.attention == nil ? ropeTheta.map { ", rotary base \($0)" } ?? "" : ""))
      arithmetic?.add(to: &facts)
      facts.add(
        "parameters",
        parameters.map {
          "\(Format.count($0)): \(Format.count($0 - nonEmbeddingParameters)) embedding and head, "
            + "\(Format.count(nonEmbeddingParameters)) others"
        } ?? "\(Format.count(nonEmbeddingParameters)) without embedding and head")
    }
  }
}
