import Foundation
public import LanguageModels
import TensorCore

/// How well a decoder predicts a text.
///
/// Each document of the text is cut into windows of W tokens; no window reaches from one document into the next. Each
/// window is fed BOS and its tokens but the last, and every one of its tokens that counts is scored, also in the last
/// and shorter window. (A document shorter than one window is that window.) A stride S < W makes windows overlap:
/// window k begins at token k·S, and scores only what no window before it has scored, S tokens with W − S tokens of
/// context before them. The validation of training measures the same, in windows of its sequence length.
///
/// ```swift
/// let text = EvaluationText(try String(contentsOf: file, encoding: .utf8), tokenizer: tokenizer)
/// let perplexity = try Perplexity(of: decoder, on: text, window: 512)
/// ```
public struct Perplexity: Codable, Sendable, Equatable {
  /// n: the number of scored tokens.
  public var tokens: Int
  /// The mean of x = −ln q(token), in nats.
  public var natsPerToken: Double
  /// exp of the nats per token.
  public var perplexity: Double
  /// perplexity · √((E[x²] − E[x]²)/(n − 1)).
  public var perplexityStandardError: Double
  /// Σx / ln 2 / bytes of the text that counts; `nil` where these are not known.
  public var bitsPerByte: Double?
  /// exp(Σx / words of the text that counts); `nil` where these are not known, or there are none.
  public var wordPerplexity: Double?
  /// Scored tokens per second of the evaluation; `nil` in a comparison, which evaluates several models at once.
  public var tokensPerSecond: Double?

  /// Evaluates a decoder.
  /// - Parameters:
  ///   - decoder: what predicts the text; nothing is recorded for gradients.
  ///   - text: at least two tokens that count. Windows begin with its BOS, or that of the decoder's configuration.
  ///   - window: W, the tokens of a window, at most the decoder's context length.
  ///   - stride: S, from 1 to W; W by default, disjoint windows.
  ///   - batchSize: how many windows are computed together; by default as many as have 4,096 tokens.
  ///   - progress: called after each batch of windows.
  /// - Throws: `EvaluationError` for a text of which none or a single token counts, a window, stride or batch size that
  ///   cannot be, a missing BOS, a token outside the vocabulary, or a model that gives NaN or no probability at all.
  public init(
    of decoder: any DecoderModel, on text: EvaluationText, window: Int, stride: Int? = nil, batchSize: Int? = nil,
    progress: (EvaluationProgress) -> Void = { _ in }
  ) throws(EvaluationError) {
    let name = "the model"
    let windows = try EvaluationWindows(
      text, window: window, stride: stride, batchSize: batchSize, models: [(name, decoder)])
    let decoder = decoder.frozen()
    let clock = ContinuousClock()
    let start = clock.now
    var nats = [Double](repeating: 0, count: windows.scoredTokens)
    var meter = ProgressMeter(totalTokens: windows.scoredTokens)
    for group in windows.groups(batchSize: batchSize) {
      let batch = windows.batch(group)
      let hidden = decoder.hiddenStates(batch.ids, batchSize: batch.windowCount)
      let scores = decoder.projection(of: hidden).mapLogits(rows: batch.rows) {
        index, logits, _, _ in
        negativeLogProbability(of: batch.targets[index], logits.span)
      }
      for (position, score) in zip(batch.positions, scores) {
        try text.requireFinite(score, "loss", of: name, position: position)
        nats[position] = score
      }
      progress(meter.adding(scores))
    }
    self.init(nats: nats, text: text, seconds: (clock.now - start) / .seconds(1))
  }

  /// Sums up the nats of each token of a text.
  init(nats: [Double], text: EvaluationText, seconds: Double?) {
    let sum = nats.reduce(0, +)
    let estimate = Estimate(of: nats)
    tokens = nats.count
    natsPerToken = estimate.mean
    perplexity = estimate.exponential.mean
    perplexityStandardError = estimate.exponential.standardError
    bitsPerByte = text.byteCount.map { sum / log(2) / Double($0) }
    wordPerplexity = text.wordCount.flatMap { $0 == 0 ? nil : exp(sum / Double($0)) }
    tokensPerSecond = seconds.map { Double(nats.count) / $0 }
  }
}

/// How far an evaluation has come.
public struct EvaluationProgress: Sendable, Equatable {
  /// The tokens scored so far.
  public var tokens: Int
  /// The tokens to score in all.
  public var totalTokens: Int
  /// The mean −ln q of the tokens so far, in nats; of the first student in a comparison.
  public var natsPerToken: Double

  /// Progress, as the properties say.
  public init(tokens: Int, totalTokens: Int, natsPerToken: Double) {
    self.tokens = tokens
    self.totalTokens = totalTokens
    self.natsPerToken = natsPerToken
  }
}

/// Counts what has been scored.
struct ProgressMeter {
  let totalTokens: Int
  private var tokens = 0
  private var nats = 0.0

  init(totalTokens: Int) { self.totalTokens = totalTokens }

  mutating func adding(_ scores: [Double]) -> EvaluationProgress {
    tokens += scores.count
    nats += scores.reduce(0, +)
    return EvaluationProgress(tokens: tokens, totalTokens: totalTokens, natsPerToken: nats / Double(tokens))
  }
}

/// −ln q of a token, q from logits [V].
func negativeLogProbability(of target: Int32, _ logits: Span<Float>) -> Double {
  let largest = RowKernels.maximum(logits)
  let logSum = RowKernels.logSum(logits, maximum: largest, temperature: 1)
  return Double(logSum) + (Double(largest) - Double(logits[Int(target)]))
}

extension EvaluationText {
  /// Throws `notFinite` of the token at `position` among those that count.
  func requireFinite(
    _ value: Double, _ quantity: String, of model: String, position: Int
  ) throws(EvaluationError) {
    guard value.isFinite else {
      throw .notFinite(model: model, quantity: quantity, value: value, position: place(ofCounted: position))
    }
  }
}

// MARK: - In files

extension Perplexity {
  private enum CodingKeys: String, CodingKey {
    case tokens
    case natsPerToken = "nats_per_token"
    case perplexity
    case perplexityStandardError = "perplexity_standard_error"
    case bitsPerByte = "bits_per_byte"
    case wordPerplexity = "word_perplexity"
    case tokensPerSecond = "tokens_per_second"
  }

  /// A perplexity, from its object.
  public init(from decoder: any Decoder) throws {
    let object = try decoder.container(keyedBy: CodingKeys.self)
    tokens = try object.decode(Int.self, forKey: .tokens)
    natsPerToken = try object.decode(Double.self, forKey: .natsPerToken)
    perplexity = try object.decodeNumber(forKey: .perplexity, null: .infinity)
    perplexityStandardError = try object.decodeNumber(forKey: .perplexityStandardError, null: .infinity)
    bitsPerByte = try object.decodeIfPresent(Double.self, forKey: .bitsPerByte)
    wordPerplexity =
      try object.contains(.wordPerplexity) ? object.decodeNumber(forKey: .wordPerplexity, null: .infinity) : nil
    tokensPerSecond = try object.decodeIfPresent(Double.self, forKey: .tokensPerSecond)
  }

  /// Writes the object of a perplexity; what overflows is `null`.
  public func encode(to encoder: any Encoder) throws {
    var object = encoder.container(keyedBy: CodingKeys.self)
    try object.encode(tokens, forKey: .tokens)
    try object.encode(natsPerToken, forKey: .natsPerToken)
    try object.encodeNumber(perplexity, forKey: .perplexity)
    try object.encodeNumber(perplexityStandardError, forKey: .perplexityStandardError)
    try object.encodeIfPresent(bitsPerByte, forKey: .bitsPerByte)
    if let wordPerplexity { try object.encodeNumber(wordPerplexity, forKey: .wordPerplexity) }
    try object.encodeIfPresent(tokensPerSecond, forKey: .tokensPerSecond)
  }
}
