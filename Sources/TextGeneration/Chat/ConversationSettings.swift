import Diagnostics

/// How a model answers in a conversation.
public struct ConversationSettings: Sendable {
  /// How tokens are chosen; from the model's own distribution by default.
  public var sampling: Sampling
  /// The most tokens of an answer, at least 1. Default 256.
  public var maxTokens: Int
  /// Strings at which an answer ends; they are not part of it.
  public var stop: [String]
  /// The same seed and the same messages give the same answers. Default 0.
  public var seed: UInt64

  /// Settings, as the properties say.
  public init(sampling: Sampling = Sampling(), maxTokens: Int = 256, stop: [String] = [], seed: UInt64 = 0) {
    self.sampling = sampling
    self.maxTokens = maxTokens
    self.stop = stop
    self.seed = seed
  }

  /// The processors of `sampling`. Throws `value` for the first value that cannot be.
  func sampler() throws(GenerationError) -> TokenSampler {
    guard maxTokens >= 1 else {
      throw .value(InvalidValue("max-tokens", expected: "at least 1", found: "\(maxTokens)"))
    }
    guard !stop.contains("") else {
      throw .value(InvalidValue("stop", expected: "texts of at least one character", found: "an empty one"))
    }
    return try sampling.sampler()
  }
}
