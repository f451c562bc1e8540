import Diagnostics
public import TensorCore

/// A sequence of token ids that is to be continued, and how.
public struct DecodingRequest: Sendable {
  /// The tokens to begin with, at least one and no more than the context holds.
  public var ids: [Int32]
  /// How its tokens are chosen.
  public var sampler: TokenSampler
  /// Where the randomness of this sequence comes from, and of no other.
  public var generator: SeededGenerator
  /// The most tokens to continue with, at least 1.
  public var maximumTokens: Int
  /// The tokens that end the sequence; they are part of it.
  public var endIDs: Set<Int32>
  /// How many of the most probable tokens to tell beside each one that is chosen; 0 tells none.
  public var alternatives: Int

  /// A request, as the properties say; by default tokens are drawn from the model's own distribution until the context
  /// is full.
  public init(
    ids: [Int32], sampler: TokenSampler = TokenSampler(), generator: SeededGenerator, maximumTokens: Int = .max,
    endIDs: Set<Int32> = [], alternatives: Int = 0
  ) {
    self.ids = ids
    self.sampler = sampler
    self.generator = generator
    self.maximumTokens = maximumTokens
    self.endIDs = endIDs
    self.alternatives = alternatives
  }

  /// The tokens of the sequence when it has been continued with as many as it may be; nil for more than can be counted.
  var expectedLength: Int? {
    let (sum, overflows) = ids.count.addingReportingOverflow(maximumTokens)
    return overflows ? nil : sum
  }

  /// Why the sequence ends with `id`, the last of `count` tokens that it has been continued with; nil if it does not.
  func finish(with id: Int32, count: Int, contextLength: Int) -> FinishReason? {
    if endIDs.contains(id) { return .endToken }
    if count >= maximumTokens { return .maximumTokens }
    return ids.count + count > contextLength ? .contextFull : nil
  }

  /// Throws `value` for what the model cannot be asked for.
  func validate(contextLength: Int, vocabularySize: Int) throws(GenerationError) {
    guard (1...contextLength).contains(ids.count) else {
      throw .value(InvalidValue("ids", expected: "from 1 to \(counted(contextLength, "token"))", found: "\(ids.count)"))
    }
    if let id = ids.first(where: { !(0..<vocabularySize).contains(Int($0)) }) {
      throw .value(InvalidValue("ids", expected: "ids from 0 to \(vocabularySize - 1)", found: "\(id)"))
    }
    guard maximumTokens >= 1 else {
      throw .value(InvalidValue("maximumTokens", expected: "at least 1", found: "\(maximumTokens)"))
    }
    guard (0...vocabularySize).contains(alternatives) else {
      throw .value(InvalidValue("alternatives", expected: "from 0 to \(vocabularySize)", found: "\(alternatives)"))
    }
  }
}
