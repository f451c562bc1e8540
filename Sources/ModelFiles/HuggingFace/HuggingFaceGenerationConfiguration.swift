import DurableFiles
public import Foundation

/// A generation_config.json: how a model's makers suggest to sample from it. Every member is optional, as on disk.
public struct HuggingFaceGenerationConfiguration: Equatable, Sendable {
  /// The token before a text.
  public var bosTokenID: Int?
  /// The tokens that end a text; empty where the file names none.
  public var eosTokenIDs: [Int]
  /// The token that fills up batches.
  public var padTokenID: Int?
  /// Whether to sample; greedy otherwise.
  public var samples: Bool?
  /// What divides the logits; above 0.
  public var temperature: Double?
  /// The number of tokens to sample from; 0 for all.
  public var topK: Int?
  /// The probability mass to sample from, above 0, at most 1.
  public var topP: Double?
  /// The least probability to sample, as a share of the greatest, from 0 to 1.
  public var minP: Double?
  /// What divides a repeated token's positive logit; above 0.
  public var repetitionPenalty: Double?
  /// The greatest number of new tokens.
  public var maxNewTokens: Int?

  /// Makes a configuration.
  public init(
    bosTokenID: Int? = nil, eosTokenIDs: [Int] = [], padTokenID: Int? = nil, samples: Bool? = nil,
    temperature: Double? = nil, topK: Int? = nil, topP: Double? = nil, minP: Double? = nil,
    repetitionPenalty: Double? = nil, maxNewTokens: Int? = nil
  ) {
    self.bosTokenID = bosTokenID
    self.eosTokenIDs = eosTokenIDs
    self.padTokenID = padTokenID
    self.samples = samples
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.repetitionPenalty = repetitionPenalty
    self.maxNewTokens = maxNewTokens
  }

  /// Reads the members of a generation_config.json; unknown ones are transformers' own business. Throws
  /// `value`.
  public init(_ file: HuggingFaceConfiguration) throws(ModelFileError) {
    let counts = 0...Int(Int32.max)
    let isPositive = { (value: Double) in value > 0 }
    self.init(
      bosTokenID: try file.integer("bos_token_id", in: counts),
      eosTokenIDs: try file.integers("eos_token_id", in: counts) ?? [],
      padTokenID: try file.integer("pad_token_id", in: counts),
      samples: try file.bool("do_sample"),
      temperature: try file.number("temperature", expected: "a number above 0", where: isPositive),
      topK: try file.integer("top_k", in: counts),
      topP: try file.number("top_p", expected: "a number above 0, at most 1") { $0 > 0 && $0 <= 1 },
      minP: try file.number("min_p", expected: "a number from 0 to 1") { (0...1).contains($0) },
      repetitionPenalty: try file.number("repetition_penalty", expected: "a number above 0", where: isPositive),
      maxNewTokens: try file.integer("max_new_tokens", in: counts))
  }

  /// The text of a generation_config.json that transformers reads as this configuration; what is `nil` is left out.
  public func huggingFaceJSON() -> Data {
    var members: [String: JSONValue] = [:]
    members["bos_token_id"] = bosTokenID.map { .integer($0) }
    members["eos_token_id"] = eosTokenIDs.isEmpty ? nil : .ids(eosTokenIDs)
    members["pad_token_id"] = padTokenID.map { .integer($0) }
    members["do_sample"] = samples.map { .bool($0) }
    members["temperature"] = temperature.map { .number($0) }
    members["top_k"] = topK.map { .integer($0) }
    members["top_p"] = topP.map { .number($0) }
    members["min_p"] = minP.map { .number($0) }
    members["repetition_penalty"] = repetitionPenalty.map { .number($0) }
    members["max_new_tokens"] = maxNewTokens.map { .integer($0) }
    return Data((JSONValue.object(members).text(indentation: 2) + "\n").utf8)
  }
}
