/// How the next token is chosen from a row of logits [V], as values: what flags, files and reports hold.
///
/// The steps, their definitions and their order are those of the logits processors of Hugging Face transformers
/// (`_get_logits_processor` in generation/utils.py and generation/logits_process.py, version 5.23): repetition penalty,
/// temperature, top-k, top-p, min-p. Each is off by default, so that a token is drawn from the model's own
/// distribution.
public struct Sampling: Sendable, Equatable, Codable {
  /// What divides the logits; at 0 the most probable token is taken (the first of several), and top-k, top-p and min-p
  /// have no part in it. Default 1.
  public var temperature: Double
  /// Only the k most probable tokens stay, and those that tie with the last of them; 0 keeps all. Default 0.
  public var topK: Int
  /// Only the most probable tokens stay, as few as have a mass of p together; 1 keeps all. Default 1.
  public var topP: Double
  /// Only the tokens stay whose probability is at least this share of the greatest; 0 keeps all. Default 0.
  public var minP: Double
  /// What divides the logit of a token that the prompt or the continuation contains already, if the logit is positive,
  /// and multiplies it if negative. Default 1, no penalty.
  public var repetitionPenalty: Double

  /// Makes a way of sampling; `validate()` tells whether its values can be.
  public init(
    temperature: Double = 1, topK: Int = 0, topP: Double = 1, minP: Double = 0, repetitionPenalty: Double = 1
  ) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.repetitionPenalty = repetitionPenalty
  }

  /// Always the most probable token.
  public static let greedy = Sampling(temperature: 0)

  /// Draws from the k most probable tokens.
  public static func topK(_ k: Int, temperature: Double = 1) -> Sampling {
    Sampling(temperature: temperature, topK: k)
  }

  /// Draws from the nucleus, the most probable tokens with a mass of p.
  public static func topP(_ p: Double, temperature: Double = 1) -> Sampling {
    Sampling(temperature: temperature, topP: p)
  }

  /// Draws from the tokens at least `p` times as probable as the most probable one.
  public static func minP(_ p: Double, temperature: Double = 1) -> Sampling {
    Sampling(temperature: temperature, minP: p)
  }

  /// Throws `value` for the first value that cannot be.
  public func validate() throws(GenerationError) { _ = try sampler() }

  /// The processors that these values stand for, those that change nothing left out. Throws `value` for the
  /// first value that cannot be, whether it has a part in the choice or not.
  public func sampler() throws(GenerationError) -> TokenSampler {
    let isGreedy = temperature == 0
    let scaling = isGreedy ? nil : try Temperature(temperature)
    let (largest, nucleus, likely) = (try TopK(topK), try TopP(topP), try MinP(minP))
    let penalty = try RepetitionPenalty(repetitionPenalty)
    var processors: [any LogitsProcessor] = []
    if repetitionPenalty != 1 { processors.append(penalty) }
    if let scaling {
      if topK > 0 { processors.append(largest) }
      if temperature != 1 { processors.append(scaling) }
      if topP < 1 { processors.append(nucleus) }
      if minP > 0 { processors.append(likely) }
    }
    return TokenSampler(processors, isGreedy: isGreedy)
  }
}
