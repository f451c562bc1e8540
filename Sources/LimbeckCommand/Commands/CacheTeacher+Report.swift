import Distillation
import ModelTraining

/// What is printed of a cache that is complete.
extension CacheTeacher {
  func report(_ cache: TeacherCache, _ bias: CacheBias, _ text: any TokenSequences) throws {
    var facts = sizes(of: cache, tokens: text.countedTokens)
    facts.add("compared", "\(Format.count(bias.tokens, "token")) of the last sequences")
    facts.add("  loss, teacher", "\(Format.fixed(bias.denseLoss, 5)) nats")
    facts.add("  loss, cache", "\(Format.fixed(bias.cachedLoss, 5)) nats")
    let difference = bias.cachedLoss - bias.denseLoss
    facts.add("  difference", "\(Format.fixed(difference, 5)) ± \(Format.fixed(bias.lossStandardError, 5)) nats")
    facts.add("  gradient off by", "\(Format.fixed(100 * bias.gradientDifference, 3)) %")
    facts.add("  by chance", "\(Format.fixed(100 * bias.gradientDifferenceByChance, 3)) %")
    facts.add("  verdict", bias.isChance ? "good: errors average out over tokens" : biasAdvice)
    facts.add("  rule", "good is a gradient off by at most \(CacheBias.rule)")
    try StandardOutput.write(facts.text)
  }

  /// What is printed of every cache.
  func sizes(of cache: TeacherCache, tokens: Int) -> FactList {
    var facts = FactList()
    facts.add("method", "\(cache.method), temperature \(temperature)")
    facts.add("tokens", Format.count(tokens))
    facts.add("bytes", "\(Format.count(cache.byteCount)) (\(Format.bytes(cache.byteCount)))")
    facts.add("bytes per token", Format.fixed(Double(cache.byteCount) / Double(max(1, tokens)), 2))
    facts.add("files", Format.count(cache.description.fileCount))
    return facts
  }

  /// What to do about a cache whose errors have a direction.
  private var biasAdvice: String {
    switch chosenMethod {
    case .topK: "biased: the tokens left out count as impossible; sampled and top-k-tail are better"
    case .topKTail: "biased: a larger --k, or the method sampled, is better"
    case .sampled: "more than chance: give more --draws"
    case .dense16: "rounded to 16 bits; only the teacher itself is closer"
    }
  }
}
