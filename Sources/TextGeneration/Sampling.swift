public import TensorCore

/// How the next token is chosen from a row of logits [V].
///
/// The steps, their definitions and their order are those of the logits processors of Hugging Face transformers
/// (`_get_logits_processor` in generation/utils.py and generation/logits_process.py, version 5.23): repetition penalty,
/// temperature, top-k, top-p, min-p. Each is off by default, so that a token is drawn from the model's own distribution.
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
  /// and multiplies it if negative (Keskar et al. 2019). Default 1, no penalty.
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

  /// Draws from the k most probable tokens (Fan et al. 2018).
  public static func topK(_ k: Int, temperature: Double = 1) -> Sampling {
    Sampling(temperature: temperature, topK: k)
  }

  /// Draws from the nucleus, the most probable tokens with a mass of p (Holtzman et al. 2020).
  public static func topP(_ p: Double, temperature: Double = 1) -> Sampling {
    Sampling(temperature: temperature, topP: p)
  }

  /// Draws from the tokens at least `p` times as probable as the most probable one (Nguyen et al. 2024).
  public static func minP(_ p: Double, temperature: Double = 1) -> Sampling {
    Sampling(temperature: temperature, minP: p)
  }

  /// The least temperature above 0: below it, 1/temperature leaves the range where float32 logits can be divided.
  public static let leastTemperature = 1e-6

  /// Throws `invalidOption` for the first value that cannot be.
  public func validate() throws(GenerationError) {
    func require(_ name: String, _ value: some CustomStringConvertible, _ isValid: Bool, _ expected: String)
      throws(GenerationError)
    {
      if !isValid { throw .invalidOption(name: name, expected: expected, found: value.description) }
    }
    try require(
      "temperature", temperature, temperature == 0 || (temperature >= Self.leastTemperature && temperature.isFinite),
      "0 (greedy), or a finite number of at least \(Self.leastTemperature)")
    try require("top-k", topK, topK >= 0, "0 (all tokens), or a number of tokens")
    try require("top-p", topP, topP > 0 && topP <= 1, "a number above 0, at most 1,")
    try require("min-p", minP, minP >= 0 && minP <= 1, "a number from 0 to 1")
    try require(
      "repetition-penalty", repetitionPenalty, repetitionPenalty > 0 && repetitionPenalty.isFinite,
      "a finite number above 0")
  }

  /// Whether `nextToken` changes no logit: greedily, and without a penalty.
  var leavesLogits: Bool { temperature == 0 && repetitionPenalty == 1 }

  /// Chooses the next token.
  /// - Parameters:
  ///   - logits: the logits [V], of which −∞ are legal; overwritten.
  ///   - seen: the tokens of the prompt and the continuation so far, for the repetition penalty; each in 0..<V.
  ///   - generator: where the randomness comes from; untouched at temperature 0.
  /// - Returns: the id of the token.
  /// - Throws: `invalidOption`, or `logitsNotFinite` where the largest logit is NaN, ∞ or −∞.
  public func nextToken(
    _ logits: inout MutableSpan<Float>, seen: Set<Int32>, using generator: inout SeededGenerator
  ) throws(GenerationError) -> Int32 {
    if temperature == 0 {
      try validate()
      _ = try penalize(&logits, seen)
      return Int32(RowKernels.argmax(logits.span))
    }
    let total = try weigh(&logits, seen)
    return Self.draw(logits.span, total: total, using: &generator)
  }

  /// Draws an id with a probability in proportion to its weight; `total` is the sum of all weights [V].
  static func draw(_ weights: Span<Float>, total: Double, using generator: inout SeededGenerator) -> Int32 {
    let target = generator.nextUniform() * total
    var sum = 0.0
    var chosen = 0
    for id in 0..<weights.count where weights[id] > 0 {
      chosen = id
      sum += Double(weights[id])
      if sum > target { break }
    }
    return Int32(chosen)
  }

  /// Turns logits into the probabilities that `nextToken` draws from.
  /// - Parameters:
  ///   - logits: the logits [V]; overwritten with probabilities, 0 for every token that is left out.
  ///   - seen: the tokens of the prompt and the continuation so far, for the repetition penalty; each in 0..<V.
  /// - Throws: `invalidOption`, or `logitsNotFinite` where the largest logit is NaN, ∞ or −∞.
  public func probabilities(
    _ logits: inout MutableSpan<Float>, seen: Set<Int32>
  ) throws(GenerationError) {
    if temperature == 0 {
      try validate()
      _ = try penalize(&logits, seen)
      let best = RowKernels.argmax(logits.span)
      for id in 0..<logits.count { logits[id] = id == best ? 1 : 0 }
      return
    }
    let total = try weigh(&logits, seen)
    for id in 0..<logits.count { logits[id] = Float(Double(logits[id]) / total) }
  }
}
