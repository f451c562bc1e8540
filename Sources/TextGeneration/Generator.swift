public import LanguageModels
public import TensorCore
public import Tokenization

/// Continues text with a decoder, one token after another, with a key-value cache for every sequence.
///
/// ```swift
/// let generator = try Generator(decoder, tokenizer)
/// let story = try generator.text(after: "Once upon a time", sampling: .topP(0.9, temperature: 0.8), seed: 3)
/// ```
///
/// A sequence is BOS (where the tokenizer has one) and the prompt's tokens. It ends with EOS (the tokenizer's, and those of
/// the model's configuration) or BOS, with which another text would begin (models such as llama2.c's know no other end),
/// with a stop string, after as many tokens as were asked for, or when prompt and continuation fill the context. With a
/// draft, several tokens come of each pass of the decoder, and their distribution stays exactly the decoder's (see
/// `SpeculativeSampler`). Outputs of the model for which the tokenizer has no piece are never chosen.
public struct Generator {
  private let decoder: TransformerDecoder
  let tokenizer: any Tokenizer
  private let draft: (decoder: TransformerDecoder, length: DraftLength)?
  /// What the caches keep keys and values as.
  public let cachePrecision: CachePrecision
  private let endIDs: Set<Int32>

  /// - Parameters:
  ///   - decoder: what predicts the tokens; nothing is recorded for gradients.
  ///   - tokenizer: the one the decoder was trained with.
  ///   - draft: a smaller decoder that was trained with the same tokenizer, such as a student of the decoder.
  ///   - draftLength: how many tokens the draft proposes at a time.
  ///   - cachePrecision: what the caches keep keys and values as; float32, the default, changes nothing.
  /// - Throws: `vocabularyTooSmall` where the decoder has fewer outputs than the tokenizer has pieces,
  ///   `vocabulariesDiffer` where the draft has another number of outputs.
  public init(
    _ decoder: TransformerDecoder, _ tokenizer: any Tokenizer, draft: TransformerDecoder? = nil,
    draftLength: DraftLength = .adaptive, cachePrecision: CachePrecision = .float32
  ) throws(GenerationError) {
    let configuration = decoder.configuration
    guard configuration.vocabularySize >= tokenizer.vocabularySize else {
      throw .vocabularyTooSmall(model: configuration.vocabularySize, tokenizer: tokenizer.vocabularySize)
    }
    if let outputs = draft?.configuration.vocabularySize, outputs != configuration.vocabularySize {
      throw .vocabulariesDiffer(model: configuration.vocabularySize, draft: outputs)
    }
    if case .fixed(let count) = draftLength, count < 1 {
      throw .invalidOption(name: "draft-tokens", expected: "at least 1, or adaptive,", found: "\(count)")
    }
    self.decoder = decoder.frozen()
    self.draft = draft.map { ($0.frozen(), draftLength) }
    self.tokenizer = tokenizer
    self.cachePrecision = cachePrecision
    endIDs = configuration.endIDs(of: tokenizer)
  }

  /// What the decoder rounds the factors of its products to.
  public var precision: ProductPrecision { decoder.precision }

  /// The most tokens of prompt and continuation together.
  public var contextLength: Int { decoder.configuration.contextLength }

  /// The text that continues a prompt, without the prompt itself.
  /// - Parameters:
  ///   - prompt: the text to continue; may be empty where the tokenizer has a BOS.
  ///   - sampling: how tokens are chosen; from the model's own distribution by default.
  ///   - maxTokens: the most tokens to generate, at least 1.
  ///   - stop: strings at which the text ends; they are not part of it.
  ///   - seed: the same seed gives the same text.
  /// - Returns: the continuation.
  /// - Throws: `invalidOption`, `promptTooLong`, `emptyPrompt` or `logitsNotFinite`.
  public func text(
    after prompt: String, sampling: Sampling = Sampling(), maxTokens: Int = 256, stop: [String] = [], seed: UInt64 = 0
  ) throws(GenerationError) -> String {
    try generate(after: [prompt], sampling: sampling, maxTokens: maxTokens, stop: stop, seed: seed)[0].text
  }

  /// Continues a prompt, and hands each new piece of text to a handler.
  /// - Parameters:
  ///   - prompt: the text to continue; may be empty where the tokenizer has a BOS.
  ///   - sampling: how tokens are chosen; from the model's own distribution by default.
  ///   - maxTokens: the most tokens to generate, at least 1.
  ///   - stop: strings at which the text ends; they are not part of it.
  ///   - seed: the same seed gives the same text.
  ///   - handler: called after every token with the text that has become certain, often "".
  /// - Returns: the continuation and what is known of it.
  /// - Throws: `invalidOption`, `promptTooLong`, `emptyPrompt` or `logitsNotFinite`.
  public func generate(
    after prompt: String, sampling: Sampling = Sampling(), maxTokens: Int = 256, stop: [String] = [], seed: UInt64 = 0,
    handler: (String) -> GenerationDirective
  ) throws(GenerationError) -> Generation {
    try generate(after: [prompt], sampling: sampling, maxTokens: maxTokens, stop: stop, seed: seed) {
      handler($0.text)
    }[0]
  }

  /// Continues several prompts, many at a time.
  ///
  /// Each prompt has random numbers of its own, from the seed and its place in the list, so that its text does not depend
  /// on the other prompts nor on how many are computed together (but for rounding in the logits).
  /// - Parameters:
  ///   - prompts: the texts to continue.
  ///   - sampling: how tokens are chosen; from the model's own distribution by default.
  ///   - maxTokens: the most tokens to generate for each, at least 1.
  ///   - stop: strings at which a text ends; they are not part of it.
  ///   - seed: the same seed gives the same texts.
  ///   - batchSize: the most sequences to compute together, at least 1; as one ends, the next prompt takes its place.
  ///   - handler: called after every token of every sequence with the text that has become certain, often "".
  /// - Returns: the continuations, in the order of the prompts.
  /// - Throws: `invalidOption`, `promptTooLong`, `promptTooLongForDraft`, `emptyPrompt` or `logitsNotFinite`, all but the
  ///   last before anything is generated.
  public func generate(
    after prompts: [String], sampling: Sampling = Sampling(), maxTokens: Int = 256, stop: [String] = [],
    seed: UInt64 = 0, batchSize: Int = 16, handler: (GenerationEvent) -> GenerationDirective = { _ in .proceed }
  ) throws(GenerationError) -> [Generation] {
    try sampling.validate()
    guard maxTokens >= 1 else {
      throw .invalidOption(name: "max-tokens", expected: "at least 1", found: "\(maxTokens)")
    }
    guard batchSize >= 1 else {
      throw .invalidOption(name: "batch-size", expected: "at least 1", found: "\(batchSize)")
    }
    guard !stop.contains("") else {
      throw .invalidOption(name: "stop", expected: "a text of at least one character", found: "an empty one")
    }
    let promptIDs = try tokenizer.ids(ofPrompts: prompts, contextLength: contextLength)
    if let draftContext = draft?.decoder.configuration.contextLength,
      let prompt = promptIDs.firstIndex(where: { $0.count >= draftContext })
    {
      throw .promptTooLongForDraft(prompt: prompt, tokens: promptIDs[prompt].count, contextLength: draftContext)
    }
    var done: [Generation?] = prompts.map { _ in nil }
    let starts = promptIDs.indices.lazy.map { prompt in
      SequenceStart(ids: promptIDs[prompt], generator: SeededGenerator(seed: seed, stream: prompt))
    }
    try run(
      starts, sampling, maxTokens: maxTokens, stop: stop, batchSize: batchSize, isRepeatable: false,
      event: { handler(GenerationEvent(prompt: $0, text: $1)) == .proceed ? .proceed : .end },
      completed: { done[$0] = $1 })
    return done.compactMap { $0 }
  }

  /// Continues sequences of tokens as text.
  /// - Parameters:
  ///   - starts: the sequences, BOS and all; each with fewer tokens than the context.
  ///   - sampling: how tokens are chosen.
  ///   - maxTokens: the most tokens to generate for each.
  ///   - stop: strings at which a text ends.
  ///   - batchSize: the most sequences to compute together.
  ///   - isRepeatable: whether every batch size must give the same bits; with a draft, none promises it.
  ///   - event: receives the index of a sequence and the text that has become certain, after every token.
  ///   - completed: receives the index and the continuation of a sequence that has ended, unless all were cancelled.
  /// - Throws: `invalidOption` or `logitsNotFinite`.
  func run<Starts: RandomAccessCollection>(
    _ starts: Starts, _ sampling: Sampling, maxTokens: Int, stop: [String], batchSize: Int, isRepeatable: Bool,
    event: (Int, String) -> SamplingDirective, completed: (Int, Generation) -> Void
  ) throws(GenerationError) where Starts.Element == SequenceStart, Starts.Index == Int {
    var live: [Int: GeneratedSequence] = [:]
    func take(_ token: SampledToken, _ speculation: SpeculationStatistics?) -> SamplingDirective {
      var sequence =
        live.removeValue(forKey: token.sequence)
        ?? GeneratedSequence(ids: starts[starts.startIndex + token.sequence].ids, stop: stop, tokenizer: tokenizer)
      var (text, reason) = sequence.append(
        token, isEnd: endIDs.contains(token.id), maxTokens: maxTokens, contextLength: contextLength)
      switch event(token.sequence, text) {
      case .proceed: break
      case .end: reason = reason ?? .handler
      case .cancel: return .cancel
      }
      guard let reason else {
        live[token.sequence] = sequence
        return .proceed
      }
      sequence.generation.stopReason = reason
      sequence.generation.speculation = speculation
      completed(token.sequence, sequence.generation)
      return .end
    }
    let pieces = tokenizer.vocabularySize
    if let draft {
      let sampler = SpeculativeSampler(
        decoder, draft: draft.decoder, choices: pieces, length: draft.length, cachePrecision: cachePrecision)
      try sampler.sample(after: starts, sampling: sampling, batchSize: batchSize, maxTokens: maxTokens) { take($0, $1) }
    } else {
      let sampler = SequenceSampler(decoder, choices: pieces, cachePrecision: cachePrecision)
      try sampler.sample(
        after: starts, sampling: sampling, batchSize: batchSize, maxTokens: maxTokens, isRepeatable: isRepeatable
      ) { take($0, nil) }
    }
  }
}

extension DecoderConfiguration {
  /// The tokens with which a text ends: EOS, the tokenizer's and the model's own, and BOS, with which another would begin.
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
