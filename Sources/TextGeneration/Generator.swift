import Diagnostics
public import LanguageModels
public import TensorCore
public import Tokenization

/// Continues text with a decoder, one token after another, with a key-value cache for every sequence.
///
/// ```swift
/// let generator = try Generator(decoder, tokenizer)
/// let story = try generator.text(after: "Once upon a time", .topP(0.9, temperature: 0.8), seed: 3)
/// ```
///
/// A sequence is BOS (where the tokenizer has one) and the prompt's tokens. It ends with EOS (the tokenizer's, and
/// those of the model's configuration) or BOS, with which another text would begin (models such as llama2.c's know no
/// other end), with a stop string, after as many tokens as were asked for, or when prompt and continuation fill the
/// context. With a draft, several tokens come of each pass of the decoder, and their distribution stays exactly the
/// decoder's (see `SpeculativeDecodingSession`). A token is drawn from all outputs of the model; one for which the
/// tokenizer has no token is no text.
public struct Generator {
  let decoder: FrozenDecoder
  /// What makes the ids that the decoder reads.
  package let tokenizer: any Tokenizer
  let draft: (decoder: FrozenDecoder, length: DraftLength)?
  /// What the caches keep keys and values as.
  public let cachePrecision: CachePrecision
  /// The tokens that end a text.
  package let endIDs: Set<Int32>

  /// - Parameters:
  ///   - decoder: what predicts the tokens; nothing is recorded for gradients.
  ///   - tokenizer: the one the decoder was trained with.
  ///   - draft: a smaller decoder that was trained with the same tokenizer, such as a student of the decoder.
  ///   - draftLength: how many tokens the draft proposes at a time.
  ///   - cachePrecision: what the caches keep keys and values as; float32, the default, changes nothing.
  /// - Throws: `vocabularyTooSmall` where the decoder has fewer outputs than the tokenizer has tokens,
  ///   `vocabulariesDiffer` where the draft has another number of outputs.
  public init(
    _ decoder: any DecoderModel, _ tokenizer: any Tokenizer, draft: (any DecoderModel)? = nil,
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
      throw .value(InvalidValue("draft-tokens", expected: "at least 1, or adaptive", found: "\(count)"))
    }
    self.decoder = decoder.frozen()
    self.draft = draft.map { ($0.frozen(), draftLength) }
    self.tokenizer = tokenizer
    self.cachePrecision = cachePrecision
    endIDs = configuration.endIDs(of: tokenizer)
  }

  /// What the decoder rounds the factors of its products to.
  public var precision: ProductPrecision { decoder.precision }

  /// V, the number of the decoder's outputs.
  package var vocabularySize: Int { decoder.configuration.vocabularySize }

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
  /// - Throws: `value`, `promptTooLong`, `emptyPrompt` or `logitsNotFinite`.
  public func text(
    after prompt: String, _ sampling: Sampling = Sampling(), maxTokens: Int = 256, stop: [String] = [], seed: UInt64 = 0
  ) throws(GenerationError) -> String {
    try generate(after: [prompt], sampling: sampling, maxTokens: maxTokens, stop: stop, seed: seed)[0].text
  }

  /// Continues a prompt, and hands each new stretch of text to a handler.
  /// - Parameters:
  ///   - prompt: the text to continue; may be empty where the tokenizer has a BOS.
  ///   - sampling: how tokens are chosen; from the model's own distribution by default.
  ///   - maxTokens: the most tokens to generate, at least 1.
  ///   - stop: strings at which the text ends; they are not part of it.
  ///   - seed: the same seed gives the same text.
  ///   - handler: called after every token with the text that has become certain, often "".
  /// - Returns: the continuation and what is known of it.
  /// - Throws: `value`, `promptTooLong`, `emptyPrompt` or `logitsNotFinite`.
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
  /// Each prompt has random numbers of its own, from the seed and its place in the list, so that its text does not
  /// depend on the other prompts nor on how many are computed together (but for rounding in the logits).
  /// - Parameters:
  ///   - prompts: the texts to continue.
  ///   - sampling: how tokens are chosen; from the model's own distribution by default.
  ///   - maxTokens: the most tokens to generate for each, at least 1.
  ///   - stop: strings at which a text ends; they are not part of it.
  ///   - seed: the same seed gives the same texts.
  ///   - batchSize: the most sequences to compute together, at least 1; as one ends, the next prompt takes its place.
  ///   - handler: called after every token of every sequence with the text that has become certain, often "".
  /// - Returns: the continuations, in the order of the prompts.
  /// - Throws: `value`, `promptTooLong`, `promptTooLongForDraft`, `emptyPrompt` or `logitsNotFinite`, all but the
  ///   last before anything is generated.
  public func generate(
    after prompts: [String], sampling: Sampling = Sampling(), maxTokens: Int = 256, stop: [String] = [],
    seed: UInt64 = 0, batchSize: Int = 16, handler: (GenerationEvent) -> GenerationDirective = { _ in .proceed }
  ) throws(GenerationError) -> [Generation] {
    let sampler = try sampling.sampler()
    guard maxTokens >= 1 else {
      throw .value(InvalidValue("max-tokens", expected: "at least 1", found: "\(maxTokens)"))
    }
    guard batchSize >= 1 else {
      throw .value(InvalidValue("batch-size", expected: "at least 1", found: "\(batchSize)"))
    }
    guard !stop.contains("") else {
      throw .value(InvalidValue("stop", expected: "texts of at least one character", found: "an empty one"))
    }
    let promptIDs = try tokenizer.ids(ofPrompts: prompts, contextLength: contextLength)
    if let draftContext = draft?.decoder.configuration.contextLength,
      let prompt = promptIDs.firstIndex(where: { $0.count >= draftContext })
    {
      throw .promptTooLongForDraft(prompt: prompt, tokens: promptIDs[prompt].count, contextLength: draftContext)
    }
    var done: [Generation?] = prompts.map { _ in nil }
    let requests = promptIDs.indices.lazy.map { prompt in
      request(
        promptIDs[prompt], sampler, SeededGenerator(seed: seed, stream: prompt), maxTokens: maxTokens)
    }
    try run(
      requests, maxTokens: maxTokens, stop: stop, batchSize: batchSize, isRepeatable: false,
      event: { handler(GenerationEvent(prompt: $0, text: $1)) == .proceed ? .proceed : .end },
      completed: { done[$0] = $1 })
    return done.compactMap { $0 }
  }
}
