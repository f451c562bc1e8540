import TextGeneration

/// What speculative decoding came to, beside the model without its draft.
struct SpeculationReport: Encodable {
  /// The most tokens of each prompt that the model alone is timed on.
  private static let timedTokens = 64

  let tokens, passes, testedTokens, acceptedTokens: Int
  let acceptance, predictedAcceptance, tokensPerPass: Double?
  /// Tokens of a sequence per second after its prompt, with the draft and without.
  let tokensPerSecond, tokensPerSecondAlone: Double

  /// How much faster a sequence grows with the draft.
  let speedUp: Double

  /// Sums up what was generated; `alone` generates with the model alone, for the same prompts, at most so many tokens
  /// of each.
  init(_ generations: [Generation], alone: (_ maxTokens: Int) throws -> [Generation]) rethrows {
    let statistics = generations.compactMap(\.speculation).reduce(into: SpeculationStatistics()) { $0 += $1 }
    tokens = statistics.tokens
    passes = statistics.passes
    testedTokens = statistics.testedTokens
    acceptedTokens = statistics.acceptedTokens
    acceptance = statistics.acceptance
    predictedAcceptance = statistics.predictedAcceptance
    tokensPerPass = statistics.tokensPerPass
    tokensPerSecond = Self.speed(generations)
    tokensPerSecondAlone = Self.speed(try alone(Self.timedTokens))
    speedUp = tokensPerSecond / tokensPerSecondAlone
  }

  private static func speed(_ generations: [Generation]) -> Double {
    Double(generations.reduce(0) { $0 + $1.tokenIDs.count })
      / max(generations.reduce(0) { $0 + $1.generationSeconds }, 1e-9)
  }

  /// For people.
  var lines: [String] {
    func percent(_ share: Double?) -> String { share.map { "\(Format.fixed(100 * $0, 1)) %" } ?? "-" }
    var facts = FactList()
    facts.add(
      "acceptance",
      "\(percent(acceptance)) of \(Format.count(testedTokens)) drafted tokens, "
        + "\(percent(predictedAcceptance)) predicted")
    facts.add("tokens per pass", tokensPerPass.map { Format.fixed($0, 2) } ?? "-")
    facts.add(
      "speed-up",
      "\(Format.fixed(speedUp, 2)): \(Format.fixed(tokensPerSecond, 1)) tokens/s; the model alone "
        + "\(Format.fixed(tokensPerSecondAlone, 1)), over the first \(Self.timedTokens) tokens or fewer "
        + "after the same prompts")
    return facts.text.split(separator: "\n").map(String.init)
  }
}
