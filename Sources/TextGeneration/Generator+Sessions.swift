public import LanguageModels
import TensorCore
public import Tokenization

/// What becomes of sequences after a token.
enum SequenceDirective {
  /// Go on.
  case proceed
  /// End this sequence with this token.
  case end
  /// End all sequences, and begin no other.
  case cancel
}

extension Generator {
  /// An empty session on the generator's decoder, and on its draft if it has one.
  /// - Parameters:
  ///   - batchSize: the most sequences to compute together, at least 1.
  ///   - isRepeatable: whether every sequence must have the bits that it has alone.
  /// - Returns: a speculative session with a draft, else a plain one.
  public func makeSession(batchSize: Int, isRepeatable: Bool = true) -> any DecodingSession {
    if let draft {
      return SpeculativeDecodingSession(
        decoder, draft: draft.decoder, length: draft.length, cachePrecision: cachePrecision,
        batchSize: batchSize, isRepeatable: isRepeatable)
    }
    return PlainDecodingSession(
      decoder, cachePrecision: cachePrecision, batchSize: batchSize, isRepeatable: isRepeatable)
  }

  /// Caches of one sequence, to be kept from one request to the next.
  public func makeCaches() -> SequenceCaches {
    let rewind = draft?.length.rewind ?? KeyValueCache.usualRewind
    return SequenceCaches(
      decoder: decoder.makeCache(rewind: rewind, precision: cachePrecision),
      draft: draft?.decoder.makeCache(rewind: rewind, precision: cachePrecision))
  }

  /// The request to continue `ids`, BOS and all and fewer than the context holds, with `maxTokens` or until the context
  /// is full. It ends at `ends`, too, besides the tokens that end a text.
  func request(
    _ ids: [Int32], _ sampler: TokenSampler, _ generator: SeededGenerator, maxTokens: Int, ends: Set<Int32> = []
  ) -> DecodingRequest {
    DecodingRequest(
      ids: ids, sampler: sampler, generator: generator, maximumTokens: min(maxTokens, contextLength - ids.count),
      endIDs: endIDs.union(ends))
  }

  /// Continues sequences of tokens as text.
  /// - Parameters:
  ///   - requests: the sequences, as `request` makes them.
  ///   - maxTokens: the most tokens that were asked for.
  ///   - stop: strings at which a text ends.
  ///   - batchSize: the most sequences to compute together.
  ///   - isRepeatable: whether every batch size must give the same bits.
  ///   - caches: what an earlier run left, where there is one request; nil for caches of each sequence's own.
  ///   - event: receives the index of a sequence and the text that has become certain, after every token.
  ///   - completed: receives the index and the continuation of a sequence that has ended, unless all were cancelled.
  /// - Throws: `logitsNotFinite`.
  func run<Requests: RandomAccessCollection>(
    _ requests: Requests, maxTokens: Int, stop: [String], batchSize: Int, isRepeatable: Bool,
    caches: SequenceCaches? = nil, event: (Int, String) -> SequenceDirective, completed: (Int, Generation) -> Void
  ) throws(GenerationError) where Requests.Element == DecodingRequest, Requests.Index == Int {
    let session = makeSession(batchSize: batchSize, isRepeatable: isRepeatable)
    var live: [SequenceID: GeneratedSequence] = [:]
    var next = requests.startIndex
    while true {
      // some wait, to take the places that become free within a step; not all, for there may be very many
      while next < requests.endIndex, session.sequenceCount - batchSize < batchSize {
        let request = requests[next]
        live[try session.submit(request, caches: caches)] = GeneratedSequence(
          ids: request.ids, maxTokens: maxTokens, stop: stop, tokenizer: tokenizer)
        next += 1
      }
      if session.sequenceCount == 0 { return }
      for happened in session.step() {
        let token: SampledToken
        switch happened {
        case .failed(_, let error): throw error
        case .token(let sampled): token = sampled
        }
        // a step may bring tokens behind the one that has ended the text
        guard var sequence = live.removeValue(forKey: token.sequence) else { continue }
        let text = sequence.append(token)
        switch event(token.sequence.number, text) {
        case .proceed: break
        case .end: sequence.end(.handler)
        case .cancel: return
        }
        if sequence.hasEnded {
          session.cancel(token.sequence)
          completed(token.sequence.number, sequence.generation)
        } else {
          live[token.sequence] = sequence
        }
      }
    }
  }
}

extension DecoderConfiguration {
  /// The tokens with which a text ends: EOS, the tokenizer's and the model's own, and BOS, with which another would
  /// begin.
  public func endIDs(of tokenizer: any Tokenizer) -> Set<Int32> {
    Set(eosTokenIDs.map { Int32($0) } + [tokenizer.eosID, tokenizer.bosID].compactMap(\.self))
  }
}

extension Tokenizer {
  /// The tokens of each prompt, with BOS. Throws `promptTooLong` or `emptyPrompt`.
  func ids(ofPrompts prompts: [String], contextLength: Int) throws(GenerationError) -> [[Int32]] {
    let promptIDs = encode(prompts: prompts)
    for (prompt, ids) in promptIDs.enumerated() {
      guard !ids.isEmpty else { throw .emptyPrompt(prompt: prompt) }
      guard ids.count < contextLength else {
        throw .promptTooLong(prompt: prompt, tokens: ids.count, contextLength: contextLength)
      }
    }
    return promptIDs
  }
}
