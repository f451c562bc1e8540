import Foundation
public import ModelTraining

/// `cache.json`: what a cache of a teacher's distributions was made from, and how.
public struct TeacherCacheDescription: Codable, Sendable, Equatable {
  /// The method's name.
  private let method: String
  /// k of a method that keeps the largest.
  private let k: Int?
  /// The number of draws of a method that draws.
  private let draws: Int?
  /// Ct of a method that keeps hidden states.
  private let channels: Int?
  /// Determines what is drawn; nil for a method that does not draw.
  public let seed: UInt64?
  /// τ, what the teacher's logits were divided by; 1 for a method that keeps hidden states, which are of any.
  public let temperature: Float
  /// The digest of the teacher's weights.
  public let teacher: String
  /// What the factors of the teacher's products were rounded to.
  public let teacherPrecision: String
  /// The digest of the tokenizer.
  public let tokenizer: String
  /// The digest of the token file in the cache that is its text; nil where the text is elsewhere.
  public let text: String?
  /// The digest of the text's ids, and of which of them count.
  public let tokens: String
  /// V
  public let vocabularySize: Int
  /// T, tokens per sequence.
  public let sequenceLength: Int
  /// The number of sequences.
  public let sequenceCount: Int
  /// The id in front of each sequence that does not begin with it; nil for none.
  private let beginningID: Int32?
  /// Sequences per file, but for the last one.
  public let sequencesPerFile: Int
  private let formatVersion: Int

  /// As in `cache.json`, where a file is called a shard.
  private enum CodingKeys: String, CodingKey {
    case method, k, draws, channels, seed, temperature, teacher, teacherPrecision, tokenizer, text, tokens
    case vocabularySize, sequenceLength, sequenceCount, formatVersion
    case beginningID = "beginningId"
    case sequencesPerFile = "sequencesPerShard"
  }

  /// The description of a cache of a text that is cut at fixed places, or that the cache holds, where `text` is its
  /// digest; `seed` is left out where the method does not draw.
  public init(
    method: TeacherCacheMethod, seed: UInt64, temperature: Float, teacher: String, teacherPrecision: String,
    tokenizer: String, tokens: String, vocabularySize: Int, sequenceLength: Int, sequenceCount: Int,
    beginningID: Int32? = nil, text: String? = nil
  ) {
    self.method = method.name
    (k, draws, channels, self.seed) =
      switch method {
      case .topK(let k), .topKTail(let k): (k, nil, nil, nil)
      case .sampled(let draws): (nil, draws, nil, seed)
      case .dense16: (nil, nil, nil, nil)
      case .hidden(let channels): (nil, nil, channels, nil)
      }
    self.temperature = temperature
    self.teacher = teacher
    self.teacherPrecision = teacherPrecision
    self.tokenizer = tokenizer
    self.text = text
    self.tokens = tokens
    self.vocabularySize = vocabularySize
    self.sequenceLength = sequenceLength
    self.sequenceCount = sequenceCount
    self.beginningID = beginningID
    let bytesPerToken = max(1, method.bits(vocabularySize: vocabularySize) / 8)
    sequencesPerFile = max(
      1, min(Self.fileTokens / sequenceLength, Self.fileBytes / bytesPerToken / sequenceLength))
    formatVersion = text == nil ? Self.currentVersion - 1 : Self.currentVersion
  }

  /// The largest V: ids are 32 bits wide.
  public static let vocabularyLimit = Int(Int32.max)
  /// The largest Ct: more channels than any model has.
  private static let channelLimit = 1 << 24
  /// A file has at most so many tokens, which is what a killed process loses, and so many bytes; but always a sequence.
  static let (fileTokens, fileBytes) = (1 << 15, 32 << 20)
  /// That of caches with a text of their own; others are of the version before.
  private static let currentVersion = 3
  /// How a text is cut that the cache holds: its documents have all ids that the teacher was fed.
  static let packingOfOwnText = SequencePacking(.documents)

  /// How the text is cut. (Those of version 1 have nothing in front of their sequences.)
  public var packing: SequencePacking {
    text == nil ? SequencePacking(.fixed, beginningID: beginningID) : Self.packingOfOwnText
  }

  /// The number of files.
  public var fileCount: Int { (sequenceCount + sequencesPerFile - 1) / sequencesPerFile }

  /// The sequences of a file in 0..<fileCount.
  public func sequences(ofFile file: Int) -> Range<Int> {
    file * sequencesPerFile..<min(sequenceCount, (file + 1) * sequencesPerFile)
  }

  /// The method; nil if it is none that this version knows, or its number makes no sense.
  var knownMethod: TeacherCacheMethod? {
    guard (1...Self.currentVersion).contains(formatVersion) else { return nil }
    return switch (method, k, draws, channels) {
    case ("top-k", let k?, nil, nil) where (1...vocabularySize).contains(k): .topK(k)
    case ("top-k-tail", let k?, nil, nil) where (1...vocabularySize).contains(k): .topKTail(k)
    case ("sampled", nil, let draws?, nil) where TeacherCacheMethod.allowedDraws.contains(draws):
      .sampled(draws: draws)
    case ("dense16", nil, nil, nil): .dense16
    case ("hidden", nil, nil, let channels?) where (1...Self.channelLimit).contains(channels) && temperature == 1:
      .hidden(channels: channels)
    default: nil
    }
  }

  /// Whether the numbers can be those of a cache.
  var makesSense: Bool {
    DistillationObjective.allowedTemperatures.contains(temperature) && vocabularySize > 0
      && vocabularySize <= Self.vocabularyLimit
      && sequenceLength > 0 && sequenceCount > 0 && sequencesPerFile > 0
      && sequenceCount <= Int(Int32.max) && sequenceLength <= Int(Int32.max) && sequencesPerFile <= Int(Int32.max)
  }

  /// The first thing in which a cache that is to be continued differs from what is to be made: its name, what it is now
  /// and what it was.
  func firstDifference(from begun: TeacherCacheDescription) -> (key: String, expected: String, found: String)? {
    func difference<Value: Equatable>(
      _ key: String, _ value: (Self) -> Value
    ) -> (key: String, expected: String, found: String)? {
      value(self) == value(begun) ? nil : (key, "\(value(self))", "\(value(begun))")
    }
    return [
      difference("method") { $0.methodText }, difference("temperature", \.temperature),
      difference("teacher digest", \.teacher), difference("teacher precision", \.teacherPrecision),
      difference("tokenizer digest", \.tokenizer), difference("sequence length", \.sequenceLength),
      difference("packing", \.packing), difference("token digest", \.tokens),
      difference("text digest") { $0.text ?? "none" },
      difference("vocabulary size", \.vocabularySize),
      difference("seed") { $0.seed.map(String.init) ?? "none" }, difference("sequences", \.sequenceCount),
      difference("sequences per file", \.sequencesPerFile),
    ].lazy.compactMap(\.self).first
  }

  private var methodText: String { knownMethod?.description ?? method }

  /// As the file has it; the same description has the same bytes.
  var json: Data {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      encoder.keyEncodingStrategy = .convertToSnakeCase
      return try encoder.encode(self) + Data("\n".utf8)
    }
  }

  init(json: Data) throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    self = try decoder.decode(Self.self, from: json)
  }
}

extension TeacherCacheDescription {
  /// Throws `value` unless `found`, of the cache at `url`, is what is expected.
  static func require(
    _ key: String, _ expected: String, _ found: String, of url: URL
  ) throws(TeacherCacheError) {
    guard expected == found else { throw .mismatch(url, key, expected: expected, found: found) }
  }

  /// Throws `value` unless the cache at `url` was made of a text's sequences.
  func requireText(_ text: any TokenSequences, of url: URL) throws(TeacherCacheError) {
    try Self.require("packing of \(text.name)", "\(text.packing)", "\(packing)", of: url)
    try Self.require("token digest of \(text.name)", text.digest(), tokens, of: url)
  }
}

extension TeacherCacheMethod {
  /// How many draws a row may have: more would cost more than all log-probabilities.
  public static let allowedDraws = 1...65_535
}
