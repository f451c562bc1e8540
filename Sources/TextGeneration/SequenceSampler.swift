public import LanguageModels
public import TensorCore

/// A sequence of token ids that is to be continued.
public struct SequenceStart: Sendable {
  /// The tokens to begin with, at least one.
  public var ids: [Int32]
  /// Where the randomness of this sequence comes from, and of no other.
  public var generator: SeededGenerator

  /// The start, as the properties say.
  public init(ids: [Int32], generator: SeededGenerator) {
    self.ids = ids
    self.generator = generator
  }
}

extension SequenceStart {
  /// The tokens of the sequence when it has been continued with `maxTokens` more; nil for more than can be counted.
  func expectedLength(maxTokens: Int) -> Int? {
    let (sum, overflows) = ids.count.addingReportingOverflow(maxTokens)
    return overflows ? nil : sum
  }
}

/// A token that a sequence was continued with.
public struct SampledToken: Sendable, Equatable {
  /// Which sequence, counted from 0.
  public var sequence: Int
  /// The token.
  public var id: Int32
  /// The logarithm of its probability, in nats, in the model's own distribution: at temperature 1, with no token left out
  /// by the way of sampling.
  public var logProbability: Float
  /// What it took to compute the start of the sequence, and those that were computed together with it, in seconds.
  public var startSeconds: Double
  /// What it took from there to this token, in seconds; other sequences were computed in that time, too.
  public var seconds: Double
}

/// What to do after a token.
public enum SamplingDirective: Sendable {
  /// Go on.
  case proceed
  /// End this sequence with this token.
  case end
  /// End all sequences, and begin no other.
  case cancel
}

/// Continues sequences of token ids with a decoder, many at a time, with a key-value cache for each. It knows of no text;
/// `Generator` does.
public struct SequenceSampler {
  private let decoder: TransformerDecoder
  private let choices: Int
  private let cachePrecision: CachePrecision

  /// - Parameters:
  ///   - decoder: what predicts the tokens; nothing is recorded for gradients.
  ///   - choices: only the ids 0..<choices are chosen; all of the decoder's by default.
  ///   - cachePrecision: what the caches keep keys and values as.
  public init(_ decoder: TransformerDecoder, choices: Int? = nil, cachePrecision: CachePrecision = .float32) {
    self.decoder = decoder.frozen()
    self.choices = choices ?? decoder.configuration.vocabularySize
    self.cachePrecision = cachePrecision
  }

  /// Continues sequences until the handler ends each one.
  ///
  /// Products of few rows and of many sum in different orders. Where `isRepeatable`, no more rows are computed together
  /// than have one order, unless one start alone has more; so every sequence has the same bits for every batch size. That
  /// takes longer for very many sequences.
  /// - Parameters:
  ///   - starts: the sequences; each with fewer tokens than the context.
  ///   - sampling: how tokens are chosen.
  ///   - batchSize: the most sequences to compute together, at least 1; as one ends, the next one takes its place.
  ///   - maxTokens: the most tokens that the handler lets a sequence be continued with; caches have room for them. The
  ///     default says nothing.
  ///   - isRepeatable: whether every batch size must give the same bits.
  ///   - handler: called after every token of every sequence; it must end a sequence that fills the context.
  /// - Throws: `invalidOption` or `logitsNotFinite`.
  public func sample<Starts: RandomAccessCollection>(
    after starts: Starts, sampling: Sampling = Sampling(), batchSize: Int, maxTokens: Int = .max,
    isRepeatable: Bool = true, _ handler: (SampledToken) -> SamplingDirective
  ) throws(GenerationError) where Starts.Element == SequenceStart, Starts.Index == Int {
    precondition(batchSize >= 1, "a batch of \(batchSize) sequences")
    try sampling.validate()
    let (rowsOfStarts, rowsOfTokens) = isRepeatable ? (Device.uniformRows, Device.uniformRows) : (2_048, batchSize)
    var live: [LiveSequence] = []
    var next = starts.startIndex
    var isCancelled = false

    /// Takes in the token each sequence has chosen; those that end leave.
    func advance(_ sequences: [LiveSequence], _ choices: [Choice]) throws(GenerationError) -> [LiveSequence] {
      var remaining: [LiveSequence] = []
      for (var sequence, choice) in zip(sequences, choices) where !isCancelled {
        let (id, logProbability, generator) = try choice.get()
        sequence.take(id, generator)
        let token = SampledToken(
          sequence: sequence.index, id: id, logProbability: logProbability, startSeconds: sequence.startSeconds,
          seconds: sequence.begun.duration(to: .now) / .seconds(1))
        switch handler(token) {
        case .proceed: remaining.append(sequence)
        case .end: break
        case .cancel: isCancelled = true
        }
      }
      return remaining
    }

    while !isCancelled, next < starts.endIndex || !live.isEmpty {
      while !isCancelled, next < starts.endIndex, live.count < batchSize {
        let group = Self.group(of: starts, from: next, atMost: batchSize - live.count, rows: rowsOfStarts)
        let (sequences, hidden, lastRows) = begin(group, at: next - starts.startIndex, maxTokens: maxTokens)
        live += try advance(sequences, choose(sampling, for: sequences, hidden: hidden, rows: lastRows))
        next += group.count
      }
      var remaining: [LiveSequence] = []
      for first in stride(from: 0, to: live.count, by: rowsOfTokens) where !isCancelled {
        let part = Array(live[first..<min(live.count, first + rowsOfTokens)])
        let hidden = decoder.hiddenStates(part.map(\.last), counts: part.map { _ in 1 }, caches: part.map(\.cache))
        let choices = choose(sampling, for: part, hidden: hidden, rows: part.indices.map { Int32($0) })
        remaining += try advance(part, choices)
      }
      live = remaining
    }
  }

  /// The next starts that are computed together: so many and of so many tokens at most, unless a single one has more.
  private static func group<Starts: RandomAccessCollection>(
    of starts: Starts, from first: Int, atMost count: Int, rows: Int
  ) -> [SequenceStart] where Starts.Element == SequenceStart, Starts.Index == Int {
    var group = [starts[first]]
    var tokens = group[0].ids.count
    while group.count < count, first + group.count < starts.endIndex {
      let start = starts[first + group.count]
      tokens += start.ids.count
      if tokens > rows { break }
      group.append(start)
    }
    return group
  }

  /// Computes some starts together, and returns their sequences, hidden states [N, C], and the row of each one's last
  /// token.
  private func begin(
    _ starts: [SequenceStart], at first: Int, maxTokens: Int
  ) -> (sequences: [LiveSequence], hidden: Tensor, lastRows: [Int32]) {
    let caches = starts.map {
      decoder.makeCache(expectedLength: $0.expectedLength(maxTokens: maxTokens), precision: cachePrecision)
    }
    let clock = ContinuousClock()
    let begun = clock.now
    let hidden = decoder.hiddenStates(
      Array(starts.map(\.ids).joined()), counts: starts.map(\.ids.count), caches: caches)
    let seconds = begun.duration(to: clock.now) / .seconds(1)
    var lastRow: Int32 = -1
    let lastRows = starts.map { start in
      lastRow += Int32(start.ids.count)
      return lastRow
    }
    let sequences = starts.indices.map {
      LiveSequence(index: first + $0, start: starts[$0], cache: caches[$0], startSeconds: seconds)
    }
    return (sequences, hidden, lastRows)
  }

  private typealias Choice = Result<(id: Int32, logProbability: Float, generator: SeededGenerator), GenerationError>

  /// Chooses the next token of each sequence, of which `rows` are the hidden states of the last tokens.
  private func choose(
    _ sampling: Sampling, for sequences: [LiveSequence], hidden: Tensor, rows: [Int32]
  ) -> [Choice] {
    decoder.projection(of: hidden).mapLogits(rows: rows) { [choices] index, logits, _, scratch in
      let sequence = sequences[index]
      for id in choices..<logits.count { logits[id] = -.infinity }
      var generator = sequence.generator
      do throws(GenerationError) {
        let id: Int32
        if sampling.leavesLogits {
          id = try sampling.nextToken(&logits, seen: sequence.seen, using: &generator)
        } else {
          RowKernels.copy(logits.span, into: &scratch)
          id = try sampling.nextToken(&scratch, seen: sequence.seen, using: &generator)
        }
        let maximum = RowKernels.maximum(logits.span)
        let logSum = RowKernels.logSum(logits.span, maximum: maximum, temperature: 1)
        return .success((id, logits[Int(id)] - maximum - logSum, generator))
      } catch {
        return .failure(error)
      }
    }
  }
}

/// A sequence while it is being continued.
private struct LiveSequence {
  let index: Int
  let cache: KeyValueCache
  let startSeconds: Double
  /// When its start had been computed.
  let begun = ContinuousClock.now
  private(set) var generator: SeededGenerator
  /// The tokens so far, those of the start included.
  private(set) var seen: Set<Int32>
  /// The token whose successor is chosen next.
  private(set) var last: Int32

  init(index: Int, start: SequenceStart, cache: KeyValueCache, startSeconds: Double) {
    precondition(!start.ids.isEmpty, "sequence \(index) has no token to start from")
    self.index = index
    self.cache = cache
    self.startSeconds = startSeconds
    generator = start.generator
    seen = Set(start.ids)
    last = start.ids[start.ids.count - 1]
  }

  mutating func take(_ id: Int32, _ generator: SeededGenerator) {
    last = id
    seen.insert(id)
    self.generator = generator
  }
}
