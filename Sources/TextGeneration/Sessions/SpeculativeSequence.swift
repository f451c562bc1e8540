import LanguageModels
import TensorCore

/// A token that the draft proposes, and the random numbers that are left.
struct DraftChoice {
  let token: DraftedToken
  let generator: SeededGenerator
}

/// A token that was settled on, and what is told of it.
struct JudgedToken {
  let token: SettledToken
  let report: TokenReport
}

/// A sequence while it is being continued with a draft.
final class SpeculativeSequence {
  typealias Proposal = Result<DraftChoice, GenerationError>
  typealias Judgement = Result<JudgedToken, GenerationError>

  let id: SequenceID
  /// The draft's: at most every token but the last.
  let draftCache: KeyValueCache
  /// What the draft proposes to come next.
  private(set) var proposal: [DraftedToken] = []
  private(set) var generator: SeededGenerator
  /// Why the draft could propose no token.
  private(set) var failure: GenerationError?
  private(set) var hasEnded = false
  private let caches: SequenceCaches
  private let request: DecodingRequest
  private var tokens: TokenHistory
  private var length: DraftLengthChoice
  private var statistics = SpeculationStatistics()
  private let startSeconds: Double
  private let begun = ContinuousClock.now

  init(
    _ submitted: SubmittedRequest, caches: SequenceCaches, length: DraftLengthChoice, startSeconds: Double
  ) {
    guard let draftCache = caches.draft else { preconditionFailure("caches of a generator without a draft") }
    id = submitted.id
    request = submitted.request
    self.caches = caches
    self.draftCache = draftCache
    self.length = length
    self.startSeconds = startSeconds
    generator = request.generator
    tokens = TokenHistory(request.ids)
  }

  /// The decoder's: every token but the last.
  var cache: KeyValueCache { caches.decoder }

  var sampler: TokenSampler { request.sampler }

  var alternatives: Int { request.alternatives }

  var last: Int32 { tokens.ids[tokens.ids.count - 1] }

  private var continuedCount: Int { tokens.ids.count - request.ids.count }

  /// The tokens that the draft has not computed yet.
  var unread: [Int32] { Array((tokens.ids + proposal.map(\.id))[draftCache.length...]) }

  /// The tokens before a place of the proposal; none where they do not matter.
  func history(before place: Int) -> TokenHistory {
    guard sampler.usesHistory else { return TokenHistory() }
    var history = tokens
    for token in proposal[..<place] { history.append(token.id) }
    return history
  }

  /// How many tokens to draft: a pass adds one more than were drafted, and both caches must hold what they compute.
  var draftCount: Int {
    let count = tokens.ids.count
    let wanted = request.maximumTokens - continuedCount - 1
    return max(0, min(length.next, wanted, cache.contextLength - count - 1, draftCache.contextLength - count + 1))
  }

  /// Random numbers of their own for one row of the decoder's.
  func splitGenerator() -> SeededGenerator { SeededGenerator(seed: generator.next()) }

  /// Takes in what the draft proposes next.
  func take(_ proposal: Proposal) {
    switch proposal {
    case .failure(let error):
      failure = error
    case .success(let choice):
      self.proposal.append(choice.token)
      generator = choice.generator
    }
  }

  /// Takes in what the decoder says at each place of the proposal and behind it, up to the first token that is not the
  /// draft's, or the one that ends the sequence.
  func take(_ judgements: [Judgement], contextLength: Int) -> [DecodingEvent] {
    if let failure { return [end(failure)] }
    statistics.passes += 1
    var events: [DecodingEvent] = []
    for (place, judgement) in judgements.enumerated() {
      let judged: JudgedToken
      do { judged = try judgement.get() } catch { return events + [end(error)] }
      events.append(.token(take(judged, at: place, contextLength: contextLength)))
      if hasEnded { return events }
      // what follows a rejected token was computed in vain
      if !judged.token.isDrafted { break }
    }
    proposal = []
    cache.truncate(to: tokens.ids.count - 1)
    draftCache.truncate(to: min(draftCache.length, tokens.ids.count - 1))
    return events
  }

  private func end(_ error: GenerationError) -> DecodingEvent {
    hasEnded = true
    return .failed(id, error)
  }

  private func take(_ judged: JudgedToken, at place: Int, contextLength: Int) -> SampledToken {
    let token = judged.token
    if place < proposal.count {
      length.observe(token.overlap)
      statistics.testedTokens += 1
      statistics.acceptedTokens += token.isDrafted ? 1 : 0
      statistics.overlapSum += token.overlap
    }
    tokens.append(token.id)
    caches.append(token.id)
    statistics.tokens += 1
    let finish = request.finish(with: token.id, count: continuedCount, contextLength: contextLength)
    hasEnded = finish != nil
    return SampledToken(
      sequence: id, id: token.id, logProbability: judged.report.logProbability,
      alternatives: judged.report.alternatives, startSeconds: startSeconds,
      seconds: begun.duration(to: .now) / .seconds(1), speculation: statistics, finish: finish)
  }
}
