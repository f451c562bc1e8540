import Foundation
import LanguageModels
import ModelFiles
import Tokenization

extension Inspect {
  /// What a model's folder or file holds.
  struct ModelReport: Encodable {
    let sizes: ModelSizes
    /// The types of the weights on disk.
    let types: [String]
    let weightBytes: Int
    let weightDigest: String
    let tokenizerTokens: Int?
    let tokenizerDigest: String?
    /// What the vocabulary was reduced from; nil where it was not.
    let reducedFrom: Origin?
    /// Those of a folder of adapters, and their base; nil for a whole model.
    let adapters: String?
    /// What a GGUF file holds; nil for a folder.
    let gguf: GGUFReport?
    /// What the user should know of it.
    let warnings: [String]

    /// The vocabulary that a tokenizer was reduced from.
    struct Origin: Encodable {
      let tokens: Int
      let digest: String
    }

    private enum CodingKeys: String, CodingKey {
      case types, weightBytes, adapters, weightDigest, tokenizerTokens, tokenizerDigest, reducedFrom, gguf
    }

    func encode(to encoder: any Encoder) throws {
      try sizes.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(types, forKey: .types)
      try container.encode(weightBytes, forKey: .weightBytes)
      try container.encodeIfPresent(adapters, forKey: .adapters)
      try container.encode(weightDigest, forKey: .weightDigest)
      try container.encodeIfPresent(tokenizerTokens, forKey: .tokenizerTokens)
      try container.encodeIfPresent(tokenizerDigest, forKey: .tokenizerDigest)
      try container.encodeIfPresent(reducedFrom, forKey: .reducedFrom)
      try container.encodeIfPresent(gguf, forKey: .gguf)
    }

    init(_ url: URL) throws {
      let model = try openModel(at: url)
      try model.requireExactly(model.configuration.weights)
      var warnings = model.warnings
      let tokenizer = try Self.tokenizer(of: model, &warnings)
      sizes = ModelSizes(model.configuration)
      types = Set(try model.weights.names.map { try model.weights.tensor(named: $0).type }).sorted()
      weightBytes = model.weightBytes
      weightDigest = model.digest
      adapters = (model as? AdaptedModel).map { "\($0.adapters.configuration); of \($0.base.url.relativePath)" }
      gguf = (model as? GGUFModel).map(GGUFReport.init)
      tokenizerTokens = tokenizer?.vocabularySize
      tokenizerDigest = tokenizer?.digest.hexadecimal
      reducedFrom = tokenizer?.origin.map { Origin(tokens: $0.tokenCount, digest: $0.digest.hexadecimal) }
      if let tokens = tokenizer?.vocabularySize, tokens > model.configuration.vocabularySize {
        warnings.append(
          "the tokenizer has \(Format.count(tokens)) tokens, more than the model has outputs: they do not belong "
            + "together")
      }
      if let tokenizer { warnings += model.specialIDWarnings(for: tokenizer) }
      self.warnings = warnings
    }

    /// The model's tokenizer; nil where it has none. Of a GGUF file with a vocabulary that cannot be read, a warning
    /// says why.
    private static func tokenizer(
      of model: any StoredModel, _ warnings: inout [String]
    ) throws -> (any Tokenizer)? {
      guard model.hasTokenizer else { return nil }
      do throws(TokenizationError) { return try loadTokenizer(from: model.tokenizerURL) } catch {
        guard !model.tokenizerURL.isFolder else { throw error }
        warnings.append("\(error)")
        return nil
      }
    }

    func add(to facts: inout FactList) {
      sizes.add(to: &facts)
      facts.add("on disk", "\(Format.bytes(weightBytes)), \(types.joined(separator: " and "))")
      gguf?.add(to: &facts)
      if let adapters { facts.add("adapters", adapters) }
      facts.add("digest of the weights", weightDigest)
      facts.add("tokenizer", tokenizerTokens.map { Format.count($0, "token") + unused($0) } ?? noTokenizer)
      if let tokenizerDigest { facts.add("digest of the tokenizer", tokenizerDigest) }
      if let reducedFrom {
        facts.add("  reduced from", "\(Format.count(reducedFrom.tokens, "token")), digest \(reducedFrom.digest)")
      }
    }

    private var noTokenizer: String { gguf == nil ? "none in the folder" : "none that can be read" }

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
