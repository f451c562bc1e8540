import DurableFiles
import Foundation
import ModelEvaluation

/// A line of `metrics.jsonl`: an optimiser step, or an evaluation after it. Means are per counted token; `null` stands
/// for a number that is not finite, such as a perplexity that overflows.
public struct MetricsLine: Sendable, Equatable {
  /// What was measured.
  public enum Kind: String, Codable, Sendable {
    /// The training text of one step, before its update.
    case step
    /// The validation text, after a step.
    case evaluation
  }

  /// What was measured.
  public var kind: Kind
  /// The number of steps done, this one included.
  public var step: Int
  /// Counted tokens.
  public var tokens: Int
  /// The mean of what is minimised.
  public var loss: Double
  /// The mean cross-entropy with the targets, in nats.
  public var crossEntropy: Double
  /// The means of what else the objective reports.
  public var terms = LossTerms()
  /// Seconds of the run so far, resumptions included.
  public var seconds: Double
  /// exp(cross-entropy), of an evaluation.
  public var perplexity: Double?
  /// The norm of all gradients before clipping, of a step.
  public var gradientNorm: Double?
  /// The learning rate, of a step.
  public var learningRate: Double?
  /// Input tokens of all steps so far, of a step.
  public var tokensSeen: Int?
  /// Input tokens per second, of a step.
  public var tokensPerSecond: Double?
  /// True for a step whose tokens were sampled from the model itself in place of the text; nil for any other line.
  public var onPolicy: Bool?
}

extension MetricsLine: Codable {
  private enum Key: String, CodingKey, CaseIterable {
    case kind, step, tokens, loss, crossEntropy, seconds, perplexity, gradientNorm, learningRate, tokensSeen
    case tokensPerSecond, onPolicy
  }

  /// A line, from its object.
  public init(from decoder: any Decoder) throws {
    let line = try decoder.container(keyedBy: Key.self)
    kind = try line.decode(Kind.self, forKey: .kind)
    step = try line.decode(Int.self, forKey: .step)
    tokens = try line.decode(Int.self, forKey: .tokens)
    loss = try line.decodeNumber(forKey: .loss, null: .nan)
    crossEntropy = try line.decodeNumber(forKey: .crossEntropy, null: .nan)
    seconds = try line.decode(Double.self, forKey: .seconds)
    perplexity = try line.contains(.perplexity) ? line.decodeNumber(forKey: .perplexity, null: exp(crossEntropy)) : nil
    gradientNorm = try line.decodeIfPresent(Double.self, forKey: .gradientNorm)
    learningRate = try line.decodeIfPresent(Double.self, forKey: .learningRate)
    tokensSeen = try line.decodeIfPresent(Int.self, forKey: .tokensSeen)
    tokensPerSecond = try line.decodeIfPresent(Double.self, forKey: .tokensPerSecond)
    onPolicy = try line.decodeIfPresent(Bool.self, forKey: .onPolicy)
    terms = try LossTerms(from: decoder, besides: Key.allCases)
  }

  /// Writes the object of a line.
  public func encode(to encoder: any Encoder) throws {
    var line = encoder.container(keyedBy: Key.self)
    try line.encode(kind, forKey: .kind)
    try line.encode(step, forKey: .step)
    try line.encode(tokens, forKey: .tokens)
    try line.encodeNumber(loss, forKey: .loss)
    try line.encodeNumber(crossEntropy, forKey: .crossEntropy)
    try line.encode(seconds, forKey: .seconds)
    if let perplexity { try line.encodeNumber(perplexity, forKey: .perplexity) }
    try line.encodeIfPresent(gradientNorm, forKey: .gradientNorm)
    try line.encodeIfPresent(learningRate, forKey: .learningRate)
    try line.encodeIfPresent(tokensSeen, forKey: .tokensSeen)
    try line.encodeIfPresent(tokensPerSecond, forKey: .tokensPerSecond)
    try line.encodeIfPresent(onPolicy, forKey: .onPolicy)
    try terms.encode(beside: encoder)
  }
}

extension MetricsLine {
  /// JSON on one line, without its end.
  func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    return try encoder.encode(self)
  }

  /// The lines of a log, none where there is no file. A last line without its end was cut off by a kill, or is being
  /// written, and is left out. Throws `damagedRun` where a whole line makes no sense, and what the disk refuses.
  static func lines(of file: URL) throws(TrainingError) -> [MetricsLine] {
    guard FileManager.default.fileExists(atPath: file.path) else { return [] }
    let data: Data
    do { data = try Data(contentsOf: file) } catch {
      throw .file(.unreadable(file: file.path, reason: error.localizedDescription))
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    var lines: [MetricsLine] = []
    for text in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
      do { lines.append(try decoder.decode(MetricsLine.self, from: text)) } catch {
        throw .damagedRun(file: "\(file.path), line \(lines.count + 1)", reason: "no metrics of a step: \(error)")
      }
    }
    return lines
  }
}
