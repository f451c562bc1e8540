/// A sequence of a decoding session.
public struct SequenceID: Hashable, Sendable {
  /// The sequences of a session count from 0, in the order of their submission.
  public let number: Int
}

/// Why a session has ended a sequence.
public enum FinishReason: Sendable, Equatable {
  /// Its last token is one of those that end it.
  case endToken
  /// It has been continued with as many tokens as were asked for.
  case maximumTokens
  /// The model's context has no place for its last token.
  case contextFull
}

/// A token that a sequence was continued with.
public struct SampledToken: Sendable, Equatable {
  /// Which sequence.
  public var sequence: SequenceID
  /// The token.
  public var id: Int32
  /// The logarithm of its probability, in nats, in the model's own distribution: at temperature 1, with no token left
  /// out by the way of sampling.
  public var logProbability: Float
  /// The most probable tokens in its place, as many as the request asked for, the most probable first.
  public var alternatives: [TokenLogProbability] = []
  /// What it took to compute the start of the sequence, and those that were computed together with it, in seconds.
  public var startSeconds: Double
  /// What it took from there to this token, in seconds; other sequences were computed in that time, too.
  public var seconds: Double
  /// What has come of the draft in this sequence, up to this token; nil without a draft.
  public var speculation: SpeculationStatistics?
  /// Why the sequence ends with this token, if it does.
  public var finish: FinishReason?
}

/// What a step has brought to a sequence.
public enum DecodingEvent: Sendable, Equatable {
  /// One more token; where it has a `finish`, the sequence has left the session.
  case token(SampledToken)
  /// No token could be chosen, and the sequence has left the session.
  case failed(SequenceID, GenerationError)
}

/// Continues sequences of token ids, many at a time, of which any may join or leave between two steps. It owns their
/// key-value caches and knows of no text.
///
/// ```swift
/// let id = try session.submit(DecodingRequest(ids: prompt, generator: SeededGenerator(seed: 3), maximumTokens: 100))
/// while session.sequenceCount > 0 {
///   for event in session.step() { … }
/// }
/// ```
///
/// Each sequence has a sampler, random numbers and limits of its own. A session is no actor: one task at a time may use
/// it.
public protocol DecodingSession: AnyObject {
  /// The sequences that have been submitted and have not left, those included that wait for a place.
  var sequenceCount: Int { get }

  /// Takes in a sequence, which joins the others in the next step that has a place for it, first come, first served.
  /// - Parameters:
  ///   - request: the tokens to begin with, and how they are continued.
  ///   - caches: what an earlier sequence left, of a session with the same decoders: tokens at the beginning that are
  ///     the same are not computed again. Nil for a sequence of its own.
  /// - Returns: what events call it.
  /// - Throws: `value` for tokens that the model cannot be fed, or fewer than one token to continue with.
  func submit(_ request: DecodingRequest, caches: SequenceCaches?) throws(GenerationError) -> SequenceID

  /// Brings every sequence that has a place at least one token further; those that end or fail leave.
  /// - Returns: what has happened, the tokens of each sequence in their order.
  func step() -> [DecodingEvent]

  /// Drops a sequence and its cache; the others have the bits they would have had with it. One that has left is none.
  func cancel(_ sequence: SequenceID)
}

extension DecodingSession {
  /// Takes in a sequence of its own: see the requirement.
  public func submit(_ request: DecodingRequest) throws(GenerationError) -> SequenceID {
    try submit(request, caches: nil)
  }
}
