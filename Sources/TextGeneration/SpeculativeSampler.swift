public import LanguageModels
public import TensorCore

/// Continues sequences of token ids with a decoder and a smaller one, its draft, which proposes several tokens that the
/// decoder then judges all together in one pass (Leviathan et al. 2023, Chen et al. 2023).
///
/// The tokens have exactly the distribution that the decoder alone would give them; at temperature 0 they are the same
/// ones, but for rounding where two logits all but tie. It knows of no text; `Generator` does.
public struct SpeculativeSampler {
  private let decoder: TransformerDecoder
  private let draft: TransformerDecoder
  private let choices: Int
  private let length: DraftLength
  private let cachePrecision: CachePrecision

  /// - Parameters:
  ///   - decoder: what has the last word; nothing is recorded for gradients.
  ///   - draft: what proposes tokens, over the same vocabulary; its context may be shorter, and where it is full the
  ///     decoder goes on alone.
  ///   - choices: only the ids 0..<choices are chosen; all of the decoder's by default.
  ///   - length: how many tokens the draft proposes at a time.
  ///   - cachePrecision: what the caches of both keep keys and values as.
  public init(
    _ decoder: TransformerDecoder, draft: TransformerDecoder, choices: Int? = nil, length: DraftLength = .adaptive,
    cachePrecision: CachePrecision = .float32
  ) {
    precondition(
      decoder.configuration.vocabularySize == draft.configuration.vocabularySize,
      "vocabularies of \(decoder.configuration.vocabularySize) and \(draft.configuration.vocabularySize)")
    self.decoder = decoder.frozen()
    self.draft = draft.frozen()
    self.choices = choices ?? decoder.configuration.vocabularySize
    self.length = length
    self.cachePrecision = cachePrecision
  }

  /// Continues sequences until the handler ends each one.
  ///
  /// Each sequence has random numbers of its own, so that its tokens do not depend on the others, but for rounding.
  /// - Parameters:
  ///   - starts: the sequences; each with fewer tokens than the decoder's context.
  ///   - sampling: how tokens are chosen, by both.
  ///   - batchSize: the most sequences to compute together, at least 1; as one ends, the next one takes its place.
  ///   - maxTokens: the most tokens that the handler lets a sequence be continued with; no more are drafted.
  ///   - handler: called after every token of every sequence, with what has come of the draft in this sequence; it must
  ///     end a sequence that fills the context.
  /// - Throws: `invalidOption` or `logitsNotFinite`.
  public func sample<Starts: RandomAccessCollection>(
    after starts: Starts, sampling: Sampling = Sampling(), batchSize: Int, maxTokens: Int = .max,
    _ handler: (SampledToken, SpeculationStatistics) -> SamplingDirective
  ) throws(GenerationError) where Starts.Element == SequenceStart, Starts.Index == Int {
    precondition(batchSize >= 1, "a batch of \(batchSize) sequences")
    try sampling.validate()
    var live: [SpeculativeSequence] = []
    var next = starts.startIndex
    while next < starts.endIndex || !live.isEmpty {
      while next < starts.endIndex, live.count < batchSize {
        live.append(begin(starts[next], index: next - starts.startIndex, maxTokens: maxTokens))
        next += 1
      }
      try propose(&live, sampling, maxTokens: maxTokens)
      let settled = try settle(&live, sampling)
      var remaining: [SpeculativeSequence] = []
      for (var sequence, tokens) in zip(live, settled) {
        switch sequence.take(tokens, handler) {
        case .proceed: remaining.append(sequence)
        case .end: break
        case .cancel: return
        }
      }
      live = remaining
    }
  }

  /// A sequence, with all its tokens but the last in both caches.
  private func begin(_ start: SequenceStart, index: Int, maxTokens: Int) -> SpeculativeSequence {
    let clock = ContinuousClock()
    let begun = clock.now
    let length = start.expectedLength(maxTokens: maxTokens)
    let (cache, draftCache) = (
      decoder.makeCache(expectedLength: length, precision: cachePrecision),
      draft.makeCache(expectedLength: length, precision: cachePrecision)
    )
    let known = Array(start.ids.dropLast())
    if !known.isEmpty {
      _ = decoder.hiddenStates(known, counts: [known.count], caches: [cache])
      if known.count <= draftCache.contextLength {
        _ = draft.hiddenStates(known, counts: [known.count], caches: [draftCache])
      }
    }
    let cost = Double(Self.work(draft)) / Double(Self.work(decoder))
    return SpeculativeSequence(
      index: index, start: start, cache: cache, draftCache: draftCache,
      length: DraftLengthChoice(self.length, cost: cost),
      startSeconds: begun.duration(to: clock.now) / .seconds(1))
  }

  /// The number of weights that a token is multiplied by.
  private static func work(_ decoder: TransformerDecoder) -> Int {
    decoder.nonEmbeddingParameterCount + decoder.head.count
  }

  /// Lets the draft propose tokens for every sequence, one after another, those of all sequences together.
  private func propose(
    _ live: inout [SpeculativeSequence], _ sampling: Sampling, maxTokens: Int
  ) throws(GenerationError) {
    let wanted = live.map { $0.draftCount(maxTokens: maxTokens) }
    while true {
      let open = live.indices.filter { live[$0].proposal.count < wanted[$0] }
      if open.isEmpty { return }
      let unread = open.map { live[$0].unread }
      let hidden = draft.hiddenStates(
        Array(unread.joined()), counts: unread.map(\.count), caches: open.map { live[$0].draftCache })
      var lastRow: Int32 = -1
      let rows = unread.map { ids in
        lastRow += Int32(ids.count)
        return lastRow
      }
      typealias Choice = Result<(token: DraftedToken, generator: SeededGenerator), GenerationError>
      let drafted: [Choice] = draft.projection(of: hidden).mapLogits(rows: rows) {
        [choices, live] index, logits, _, _ in
        for id in choices..<logits.count { logits[id] = -.infinity }
        let sequence = live[open[index]]
        var generator = sequence.generator
        do throws(GenerationError) {
          let seen = sequence.seen(before: sequence.proposal.count, sampling)
          return .success((try sampling.draft(&logits, seen: seen, using: &generator), generator))
        } catch {
          return .failure(error)
        }
      }
      for (index, choice) in zip(open, drafted) {
        let (token, generator) = try choice.get()
        live[index].proposal.append(token)
        live[index].generator = generator
      }
    }
  }

  /// Computes the last token and the proposal of every sequence, all of them in one pass, and settles on what follows
  /// each.
  private func settle(
    _ live: inout [SpeculativeSequence], _ sampling: Sampling
  ) throws(GenerationError) -> [[(token: SettledToken, logProbability: Float)]] {
    var rows: [(sequence: Int, place: Int, generator: SeededGenerator)] = []
    for index in live.indices {
      for place in 0...live[index].proposal.count {
        rows.append((index, place, SeededGenerator(seed: live[index].generator.next())))
      }
    }
    let hidden = decoder.hiddenStates(
      live.flatMap { [$0.last] + $0.proposal.map(\.id) }, counts: live.map { 1 + $0.proposal.count },
      caches: live.map(\.cache))
    typealias Settled = Result<(token: SettledToken, logProbability: Float), GenerationError>
    let results: [Settled] = decoder.projection(of: hidden).mapLogits(rows: rows.indices.map { Int32($0) }) {
      [choices, live] row, logits, _, scratch in
      var (index, place, generator) = rows[row]
      let sequence = live[index]
      for id in choices..<logits.count { logits[id] = -.infinity }
      RowKernels.copy(logits.span, into: &scratch)
      do throws(GenerationError) {
        let token = try sampling.settle(
          &scratch, place < sequence.proposal.count ? sequence.proposal[place] : nil,
          seen: sequence.seen(before: place, sampling), using: &generator)
        let maximum = RowKernels.maximum(logits.span)
        let logSum = RowKernels.logSum(logits.span, maximum: maximum, temperature: 1)
        return .success((token, logits[Int(token.id)] - maximum - logSum))
      } catch {
        return .failure(error)
      }
    }
    var settled: [[(token: SettledToken, logProbability: Float)]] = live.map { _ in [] }
    for (row, result) in zip(rows, results) {
      // what follows a rejected token was computed in vain
      if row.place > 0, settled[row.sequence].count < row.place || !settled[row.sequence][row.place - 1].token.isDrafted
      {
        continue
      }
      settled[row.sequence].append(try result.get())
    }
    return settled
  }
}

/// A sequence while it is being continued with a draft.
private struct SpeculativeSequence {
  let index: Int
  /// The decoder's: every token but the last.
  let cache: KeyValueCache
  /// The draft's: at most every token but the last.
  let draftCache: KeyValueCache
  /// What the draft proposes to come next.
  var proposal: [DraftedToken] = []
  var generator: SeededGenerator
  private var ids: [Int32]
  private var seen: Set<Int32>
  private var length: DraftLengthChoice
  private var statistics = SpeculationStatistics()
  private let startCount: Int
  private let startSeconds: Double
  private let begun = ContinuousClock.now

  init(
    index: Int, start: SequenceStart, cache: KeyValueCache, draftCache: KeyValueCache, length: DraftLengthChoice,
    startSeconds: Double
  ) {
    precondition(!start.ids.isEmpty, "sequence \(index) has no token to start from")
    self.index = index
    self.cache = cache
    self.draftCache = draftCache
    self.length = length
    self.startSeconds = startSeconds
    generator = start.generator
    ids = start.ids
    seen = Set(start.ids)
    startCount = start.ids.count
  }

  var last: Int32 { ids[ids.count - 1] }

  /// The tokens that the draft has not computed yet.
  var unread: [Int32] { Array((ids + proposal.map(\.id))[draftCache.length...]) }

  /// The tokens before a place of the proposal, as far as the way of sampling asks for them.
  func seen(before place: Int, _ sampling: Sampling) -> Set<Int32> {
    sampling.repetitionPenalty == 1 ? [] : seen.union(proposal[..<place].map(\.id))
  }

  /// How many tokens to draft: a pass adds one more than were drafted, and both caches must hold what they compute.
  func draftCount(maxTokens: Int) -> Int {
    let wanted = maxTokens - (ids.count - startCount) - 1
    return max(
      0, min(length.next, wanted, cache.contextLength - ids.count - 1, draftCache.contextLength - ids.count + 1))
  }

  /// Takes in the tokens that were settled on, up to where the handler ends the sequence.
  mutating func take(
    _ settled: [(token: SettledToken, logProbability: Float)],
    _ handler: (SampledToken, SpeculationStatistics) -> SamplingDirective
  ) -> SamplingDirective {
    statistics.passes += 1
    for (place, (token, logProbability)) in settled.enumerated() {
      if place < proposal.count {
        length.observe(token.overlap)
        statistics.testedTokens += 1
        statistics.acceptedTokens += token.isDrafted ? 1 : 0
        statistics.overlapSum += token.overlap
      }
      ids.append(token.id)
      seen.insert(token.id)
      statistics.tokens += 1
      let directive = handler(
        SampledToken(
          sequence: index, id: token.id, logProbability: logProbability, startSeconds: startSeconds,
          seconds: begun.duration(to: .now) / .seconds(1)), statistics)
      if directive != .proceed { return directive }
    }
    proposal = []
    cache.truncate(to: ids.count - 1)
    draftCache.truncate(to: min(draftCache.length, ids.count - 1))
    return .proceed
  }
}
