public import LanguageModels
public import TensorCore

/// Continues sequences with a decoder alone, one token of each in a pass.
///
/// Products of few rows and of many sum in different orders. A session that `isRepeatable` computes no more rows
/// together than have one order, prompts beside single tokens, unless one prompt alone has more: every sequence has the
/// bits that it has alone, whoever joins and leaves. One that is not computes the new prompts together, and then the
/// next token of all sequences in a single pass; that takes less time for very many sequences.
public final class PlainDecodingSession: DecodingSession {
  /// The most tokens of several prompts that are computed together.
  private static let promptTokens = 2_048
  private let decoder: FrozenDecoder
  private let cachePrecision: CachePrecision
  private let batchSize: Int
  private let isRepeatable: Bool
  private var queue: RequestQueue
  /// In the order in which they joined.
  private var live: [PlainSequence] = []

  /// - Parameters:
  ///   - decoder: what predicts the tokens; nothing is recorded for gradients.
  ///   - cachePrecision: what the caches keep keys and values as.
  ///   - batchSize: the most sequences to compute together, at least 1; others wait until one leaves.
  ///   - isRepeatable: whether every sequence must have the bits that it has alone.
  public init(
    _ decoder: any DecoderModel, cachePrecision: CachePrecision = .float32, batchSize: Int, isRepeatable: Bool = true
  ) {
    precondition(batchSize >= 1, "a batch of \(batchSize) sequences")
    let configuration = decoder.configuration
    self.decoder = decoder.frozen()
    self.cachePrecision = cachePrecision
    self.batchSize = batchSize
    self.isRepeatable = isRepeatable
    queue = RequestQueue(
      contextLength: configuration.contextLength, vocabularySize: configuration.vocabularySize)
  }

  public var sequenceCount: Int { queue.count + live.count }

  public func submit(_ request: DecodingRequest, caches: SequenceCaches?) throws(GenerationError) -> SequenceID {
    try queue.append(request, caches: caches)
  }

  public func cancel(_ sequence: SequenceID) {
    queue.remove(sequence)
    live.removeAll { $0.id == sequence }
  }

  public func step() -> [DecodingEvent] {
    var events: [DecodingEvent] = []
    if isRepeatable {
      live += queue.removeFirst(atMost: batchSize - live.count).map(begin)
      for pass in passes(ofRows: live.map(\.unread.count), atMost: Device.uniformRows) {
        events += advance(live[pass])
      }
    } else {
      while true {
        let group = queue.removeFirst(atMost: batchSize - live.count, tokens: Self.promptTokens).map(begin)
        if group.isEmpty { break }
        events += advance(group[...])
        live += group.filter { !$0.hasEnded }
      }
      // those that have just joined take part: a pass reads all weights, for however many rows
      if !live.isEmpty { events += advance(live[...]) }
    }
    live.removeAll { $0.hasEnded }
    return events
  }

  private func begin(_ submitted: SubmittedRequest) -> PlainSequence {
    let caches =
      submitted.caches
      ?? SequenceCaches(
        decoder: decoder.makeCache(expectedLength: submitted.request.expectedLength, precision: cachePrecision))
    caches.begin(submitted.request)
    return PlainSequence(submitted, caches: caches)
  }

  /// Computes what is new of some sequences in one pass, and gives each its next token.
  private func advance(_ sequences: ArraySlice<PlainSequence>) -> [DecodingEvent] {
    let sequences = Array(sequences)
    let clock = ContinuousClock()
    let start = clock.now
    let counts = sequences.map(\.unread.count)
    let hidden = decoder.hiddenStates(
      sequences.flatMap(\.unread), counts: counts, caches: sequences.map(\.cache))
    let end = clock.now
    for sequence in sequences { sequence.begin(at: end, after: start.duration(to: end) / .seconds(1)) }
    var lastRow: Int32 = -1
    let lastRows = counts.map { count in
      lastRow += Int32(count)
      return lastRow
    }
    let chosen = choose(for: sequences, hidden: hidden, rows: lastRows)
    return zip(sequences, chosen).map { sequence, choice in
      sequence.take(choice, at: clock.now, contextLength: decoder.configuration.contextLength)
    }
  }

  /// Chooses the next token of each sequence, of which `rows` are the hidden states of the last tokens.
  private func choose(for sequences: [PlainSequence], hidden: Tensor, rows: [Int32]) -> [PlainSequence.Choice] {
    decoder.projection(of: hidden).mapLogits(rows: rows) { index, logits, _, scratch in
      let (sampler, history) = (sequences[index].sampler, sequences[index].history)
      var generator = sequences[index].generator
      do throws(GenerationError) {
        let id: Int32
        if sampler.leavesLogits {
          id = try sampler.nextToken(&logits, history: history, using: &generator)
        } else {
          RowKernels.copy(logits.span, into: &scratch)
          id = try sampler.nextToken(&scratch, history: history, using: &generator)
        }
        let report = TokenReport(of: id, alternatives: sequences[index].alternatives, logits: logits.span)
        return .success(ChosenToken(id: id, report: report, generator: generator))
      } catch {
        return .failure(error)
      }
    }
  }
}

/// The token that was chosen for a sequence, and the random numbers that are left.
private struct ChosenToken {
  let id: Int32
  let report: TokenReport
  let generator: SeededGenerator
}

/// A sequence while it is being continued.
private final class PlainSequence {
  typealias Choice = Result<ChosenToken, GenerationError>

  let id: SequenceID
  private let caches: SequenceCaches
  private let request: DecodingRequest
  /// The tokens so far, those of the start included.
  private(set) var history: TokenHistory
  private(set) var generator: SeededGenerator
  private(set) var hasEnded = false
  /// When the start had been computed, and what that took.
  private var begun: ContinuousClock.Instant?
  private var startSeconds = 0.0

  init(_ submitted: SubmittedRequest, caches: SequenceCaches) {
    id = submitted.id
    request = submitted.request
    self.caches = caches
    history = TokenHistory(request.ids)
    generator = request.generator
  }

  var cache: KeyValueCache { caches.decoder }

  var sampler: TokenSampler { request.sampler }

  var alternatives: Int { request.alternatives }

  /// The tokens that the cache does not have yet: all of the start, then the last one.
  var unread: ArraySlice<Int32> { history.ids[cache.length...] }

  /// Notes when the start had been computed, the first time.
  func begin(at instant: ContinuousClock.Instant, after seconds: Double) {
    if begun == nil { (begun, startSeconds) = (instant, seconds) }
  }

  func take(_ choice: Choice, at instant: ContinuousClock.Instant, contextLength: Int) -> DecodingEvent {
    switch choice {
    case .failure(let error):
      hasEnded = true
      return .failed(id, error)
    case .success(let token):
      generator = token.generator
      history.append(token.id)
      caches.append(token.id)
      let finish = request.finish(
        with: token.id, count: history.ids.count - request.ids.count, contextLength: contextLength)
      hasEnded = finish != nil
      return .token(
        SampledToken(
          sequence: id, id: token.id, logProbability: token.report.logProbability,
          alternatives: token.report.alternatives, startSeconds: startSeconds,
          seconds: (begun ?? instant).duration(to: instant) / .seconds(1), finish: finish))
    }
  }
}
