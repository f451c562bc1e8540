public import LanguageModels
public import TensorCore

/// Continues sequences with a decoder and a smaller one, its draft, which proposes several tokens that the decoder then
/// judges all together in one pass (Leviathan et al. 2023, Chen et al. 2023).
///
/// The tokens have exactly the distribution that the decoder alone would give them, whatever the processors of the
/// samplers; a greedy choice is the same one, but for rounding where two logits all but tie. A step brings a sequence
/// up to one token more than were drafted.
public final class SpeculativeDecodingSession: DecodingSession {
  private let decoder: FrozenDecoder
  private let draft: FrozenDecoder
  private let length: DraftLength
  private let cachePrecision: CachePrecision
  private let batchSize: Int
  private let rowsOfPass: Int
  private var queue: RequestQueue
  /// In the order in which they joined.
  private var live: [SpeculativeSequence] = []

  /// - Parameters:
  ///   - decoder: what has the last word; nothing is recorded for gradients.
  ///   - draft: what proposes tokens, over the same vocabulary; its context may be shorter, and where it is full the
  ///     decoder goes on alone.
  ///   - length: how many tokens the draft proposes at a time.
  ///   - cachePrecision: what the caches of both keep keys and values as.
  ///   - batchSize: the most sequences to compute together, at least 1; others wait until one leaves.
  ///   - isRepeatable: whether every sequence must have the bits that it has alone. Then a pass has no more rows than
  ///     sum in one order, unless one sequence alone has more; that takes longer for many sequences.
  public init(
    _ decoder: any DecoderModel, draft: any DecoderModel, length: DraftLength = .adaptive,
    cachePrecision: CachePrecision = .float32, batchSize: Int, isRepeatable: Bool = true
  ) {
    precondition(batchSize >= 1, "a batch of \(batchSize) sequences")
    let configuration = decoder.configuration
    precondition(
      configuration.vocabularySize == draft.configuration.vocabularySize,
      "vocabularies of \(configuration.vocabularySize) and \(draft.configuration.vocabularySize)")
    self.decoder = decoder.frozen()
    self.draft = draft.frozen()
    self.length = length
    self.cachePrecision = cachePrecision
    self.batchSize = batchSize
    rowsOfPass = isRepeatable ? Device.uniformRows : .max
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
    live += queue.removeFirst(atMost: batchSize - live.count).map(begin)
    propose()
    var events: [DecodingEvent] = []
    for pass in passes(ofRows: live.map { 1 + $0.proposal.count }, atMost: rowsOfPass) {
      let sequences = Array(live[pass])
      for (sequence, judgements) in zip(sequences, judge(sequences)) {
        events += sequence.take(judgements, contextLength: decoder.configuration.contextLength)
      }
    }
    live.removeAll { $0.hasEnded }
    return events
  }

  /// A sequence, with all its tokens but the last in both caches.
  private func begin(_ submitted: SubmittedRequest) -> SpeculativeSequence {
    let clock = ContinuousClock()
    let begun = clock.now
    let length = submitted.request.expectedLength
    let caches =
      submitted.caches
      ?? SequenceCaches(
        decoder: decoder.makeCache(
          expectedLength: length, rewind: self.length.rewind, precision: cachePrecision),
        draft: draft.makeCache(expectedLength: length, rewind: self.length.rewind, precision: cachePrecision))
    caches.begin(submitted.request)
    let known = Array(submitted.request.ids.dropLast())
    read(known, with: decoder, to: caches.decoder)
    if let draftCache = caches.draft, known.count <= draftCache.contextLength {
      read(known, with: draft, to: draftCache)
    }
    let cost = Double(Self.work(draft)) / Double(Self.work(decoder))
    return SpeculativeSequence(
      submitted, caches: caches, length: DraftLengthChoice(self.length, cost: cost),
      startSeconds: begun.duration(to: clock.now) / .seconds(1))
  }

  /// Computes those of `ids` that a cache does not have yet.
  private func read(_ ids: [Int32], with decoder: FrozenDecoder, to cache: KeyValueCache) {
    let new = Array(ids[cache.length...])
    if !new.isEmpty { _ = decoder.hiddenStates(new, counts: [new.count], caches: [cache]) }
  }

  /// The number of weights that a token is multiplied by.
  private static func work(_ decoder: FrozenDecoder) -> Int {
    decoder.nonEmbeddingParameterCount + decoder.head.count
  }

  /// Lets the draft propose tokens for every sequence, one after another, those of all sequences together.
  private func propose() {
    let wanted = live.map(\.draftCount)
    while true {
      let open = zip(live, wanted).filter { $0.failure == nil && $0.proposal.count < $1 }.map(\.0)
      if open.isEmpty { return }
      for pass in passes(ofRows: open.map(\.unread.count), atMost: rowsOfPass) { propose(Array(open[pass])) }
    }
  }

  /// Lets the draft propose one more token for each of some sequences, in one pass.
  private func propose(_ open: [SpeculativeSequence]) {
    let unread = open.map(\.unread)
    let hidden = draft.hiddenStates(
      Array(unread.joined()), counts: unread.map(\.count), caches: open.map(\.draftCache))
    var lastRow: Int32 = -1
    let rows = unread.map { ids in
      lastRow += Int32(ids.count)
      return lastRow
    }
    let proposals: [SpeculativeSequence.Proposal] = draft.projection(of: hidden).mapLogits(rows: rows) {
      index, logits, _, _ in
      let sequence = open[index]
      var generator = sequence.generator
      do throws(GenerationError) {
        let token = try sequence.sampler.draft(
          &logits, history: sequence.history(before: sequence.proposal.count), using: &generator)
        return .success(DraftChoice(token: token, generator: generator))
      } catch {
        return .failure(error)
      }
    }
    for (sequence, proposal) in zip(open, proposals) { sequence.take(proposal) }
  }

  /// Computes the last token and the proposal of some sequences, all of them in one pass, and settles on what follows
  /// each: the drafted tokens that are accepted, and one more.
  private func judge(_ sequences: [SpeculativeSequence]) -> [[SpeculativeSequence.Judgement]] {
    var rows: [JudgedRow] = []
    for (index, sequence) in sequences.enumerated() {
      for place in 0...sequence.proposal.count {
        rows.append(JudgedRow(sequence: index, place: place, generator: sequence.splitGenerator()))
      }
    }
    let hidden = decoder.hiddenStates(
      sequences.flatMap { [$0.last] + $0.proposal.map(\.id) }, counts: sequences.map { 1 + $0.proposal.count },
      caches: sequences.map(\.cache))
    let results: [SpeculativeSequence.Judgement] = decoder.projection(of: hidden).mapLogits(
      rows: rows.indices.map { Int32($0) }
    ) { [rows] row, logits, _, scratch in
      let (sequence, place) = (sequences[rows[row].sequence], rows[row].place)
      var generator = rows[row].generator
      RowKernels.copy(logits.span, into: &scratch)
      do throws(GenerationError) {
        let token = try sequence.sampler.settle(
          &scratch, place < sequence.proposal.count ? sequence.proposal[place] : nil,
          history: sequence.history(before: place), using: &generator)
        let report = TokenReport(of: token.id, alternatives: sequence.alternatives, logits: logits.span)
        return .success(JudgedToken(token: token, report: report))
      } catch {
        return .failure(error)
      }
    }
    var judgements: [[SpeculativeSequence.Judgement]] = sequences.map { _ in [] }
    for (row, result) in zip(rows, results) { judgements[row.sequence].append(result) }
    return judgements
  }
}

/// A row of the decoder's logits: the token at a place behind the last one of a sequence, and its random numbers.
private struct JudgedRow {
  let sequence: Int
  let place: Int
  let generator: SeededGenerator
}
