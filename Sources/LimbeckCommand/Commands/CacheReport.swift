import Distillation
import Foundation
import ModelTraining

/// What `limbeck cache-teacher` prints of a cache that is complete.
struct CacheReport: Encodable {
  /// The folder, as the user named it.
  let path: String
  /// What is kept of each distribution.
  let method: String
  let temperature: Float
  /// The number of distributions.
  let tokens: Int
  /// How the text is cut: the number of sequences, and the tokens of each.
  let sequences, sequenceLength: Int
  /// The size of all files in bytes.
  let bytes: Int
  /// The number of files.
  let files: Int
  /// What this call took.
  let seconds: Double
  /// What the cache was made from, where the teacher ran elsewhere.
  let recorded: Recorded?
  /// How far from the teacher the cache is, where the teacher is at hand.
  let comparison: Comparison?

  /// The report on the cache at a path, which was begun at `start`.
  init(
    _ cache: TeacherCache, path: String, text: any TokenSequences, start: ContinuousClock.Instant,
    recorded: Recorded? = nil, comparison: Comparison? = nil
  ) {
    self.path = path
    method = "\(cache.method)"
    temperature = cache.description.temperature
    tokens = text.countedTokens
    (sequences, sequenceLength) = (text.count, text.sequenceLength)
    (bytes, files) = (cache.byteCount, cache.description.fileCount)
    seconds = start.duration(to: .now) / .seconds(1)
    (self.recorded, self.comparison) = (recorded, comparison)
  }

  /// The facts, one a line.
  var text: String {
    var facts = FactList()
    facts.add("method", "\(method), temperature \(temperature)")
    facts.add("tokens", Format.count(tokens))
    facts.add("bytes", "\(Format.count(bytes)) (\(Format.bytes(bytes)))")
    facts.add("bytes per token", Format.fixed(Double(bytes) / Double(max(1, tokens)), 2))
    facts.add("files", Format.count(files))
    recorded?.add(to: &facts)
    facts.add("sequences", "\(Format.count(sequences)) of \(Format.count(sequenceLength, "token"))")
    comparison?.add(to: &facts)
    return facts.text
  }
}

extension CacheReport {
  /// What a teacher wrote down that ran elsewhere.
  struct Recorded: Encodable {
    /// Chunks of llama-perplexity, or responses of a server.
    let documents: Int
    /// Of chunks: the tokens that they have of the text, and those of all of it.
    let coveredTokens, textTokens: Int?
    /// Of chunks: how many nats below the likeliest token all others are alike, and the mean probability of these.
    let floor, massAtFloor: Double?
    /// Of responses: how many tokens they list, the fewest and the most, and the mean probability of those not listed.
    let leastListed, mostListed: Int?
    let massNotListed: Double?
    /// −log p of the text by the teacher in the mean; nil where the file has not all of it.
    let natsPerToken: Double?
    /// The tokens of a chunk.
    private let chunkLength: Int?

    /// What llama-perplexity wrote. Throws what is wrong with its file.
    init(_ file: KLDivergenceFile) throws(TeacherCacheError) {
      (documents, chunkLength) = (file.chunkCount, file.chunkLength)
      (coveredTokens, textTokens) = (file.chunkCount * file.chunkLength, file.textTokenCount)
      (floor, massAtFloor) = (Double(KLDivergenceFile.floor), try file.massAtFloor())
      (leastListed, mostListed, massNotListed) = (nil, nil, nil)
      natsPerToken = file.crossEntropy
    }

    /// What a server answered.
    init(_ file: LogProbabilityFile) {
      (documents, chunkLength) = (file.documents.count, nil)
      (coveredTokens, textTokens, floor, massAtFloor) = (nil, nil, nil, nil)
      (leastListed, mostListed) = (file.listed.lowerBound, file.listed.upperBound)
      (massNotListed, natsPerToken) = (file.unlistedMass, file.crossEntropy)
    }

    fileprivate func add(to facts: inout FactList) {
      if let chunkLength {
        facts.add("chunks", "\(Format.count(documents)) of \(Format.count(chunkLength, "token"))")
      } else {
        facts.add("responses", Format.count(documents))
      }
      if let coveredTokens, let textTokens {
        facts.add(
          "of the text",
          "\(Format.count(coveredTokens)) of \(Format.count(textTokens, "token")), "
            + "\(Format.fixed(100 * Double(coveredTokens) / Double(textTokens), 1)) %")
      }
      if let floor, let massAtFloor {
        facts.add(
          "below its floor",
          "\(Format.fixed(100 * massAtFloor, 3)) % of the probability, in the mean: tokens "
            + "\(Int(floor)) nats below the likeliest share it equally")
      }
      if let leastListed, let mostListed, let massNotListed {
        facts.add("tokens listed", leastListed == mostListed ? "\(leastListed)" : "\(leastListed) to \(mostListed)")
        facts.add("not listed", "\(Format.fixed(100 * massNotListed, 3)) % of the probability, in the mean")
      }
      if let natsPerToken {
        facts.add(
          "teacher",
          "\(Format.fixed(natsPerToken, 4)) nats per token, perplexity \(Format.fixed(exp(natsPerToken), 3))")
      }
    }
  }

  /// Losses and gradients by a cache beside those by its teacher.
  struct Comparison: Encodable {
    private let bias: CacheBias
    /// What to do about errors that have a direction.
    private let advice: String

    private enum CodingKeys: CodingKey {
      case tokens, teacherLoss, cacheLoss, lossStandardError, gradientDifference, gradientDifferenceByChance, isGood
    }

    init(_ bias: CacheBias, of method: TeacherCacheMethod) {
      self.bias = bias
      advice =
        switch method {
        case .topK: "biased: the tokens left out count as impossible; sampled and top-k-tail are better"
        case .topKTail: "biased: a larger --k, or the method sampled, is better"
        case .sampled: "more than chance: give more --draws"
        case .dense16, .hidden: "rounded to 16 bits; only the teacher itself is closer"
        }
    }

    func encode(to encoder: any Encoder) throws {
      var object = encoder.container(keyedBy: CodingKeys.self)
      try object.encode(bias.tokens, forKey: .tokens)
      try object.encode(bias.denseLoss, forKey: .teacherLoss)
      try object.encode(bias.cachedLoss, forKey: .cacheLoss)
      try object.encode(bias.lossStandardError, forKey: .lossStandardError)
      try object.encode(bias.gradientDifference, forKey: .gradientDifference)
      try object.encode(bias.gradientDifferenceByChance, forKey: .gradientDifferenceByChance)
      try object.encode(bias.isChance, forKey: .isGood)
    }

    fileprivate func add(to facts: inout FactList) {
      facts.add("compared", "\(Format.count(bias.tokens, "token")) of the last sequences")
      facts.add("  loss, teacher", "\(Format.fixed(bias.denseLoss, 5)) nats")
      facts.add("  loss, cache", "\(Format.fixed(bias.cachedLoss, 5)) nats")
      let difference = bias.cachedLoss - bias.denseLoss
      facts.add("  difference", "\(Format.fixed(difference, 5)) ± \(Format.fixed(bias.lossStandardError, 5)) nats")
      facts.add("  gradient off by", "\(Format.fixed(100 * bias.gradientDifference, 3)) %")
      facts.add("  by chance", "\(Format.fixed(100 * bias.gradientDifferenceByChance, 3)) %")
      facts.add("  verdict", bias.isChance ? "good: errors average out over tokens" : advice)
      facts.add("  rule", "good is a gradient off by at most \(CacheBias.rule)")
    }
  }
}
