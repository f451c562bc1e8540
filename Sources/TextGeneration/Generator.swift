import Checkpoints
public import LanguageModels
import TensorCore
public import Tokenization

/// Continues text with a decoder, one token after another, with a key-value cache for every sequence.
///
/// ```swift
/// let generator = try Generator(decoder, tokenizer)
/// let story = try generator.text(after: "Once upon a time", sampling: .topP(0.9, temperature: 0.8), seed: 3)
/// ```
///
/// A sequence is BOS (where the tokenizer has one) and the prompt's tokens. It ends with EOS (the tokenizer's, and those of
/// the model's configuration), with a stop string, after as many tokens as were asked for, or when prompt and
/// continuation fill the context. Outputs of the model for which the tokenizer has no piece are never chosen.
public struct Generator {
  private let decoder: Decoder
  private let tokenizer: SentencePieceTokenizer
  private let endIDs: Set<Int32>

  /// - Parameters:
  ///   - decoder: what predicts the tokens; nothing is recorded for gradients.
  ///   - tokenizer: the one the decoder was trained with.
  /// - Throws: `vocabularyTooSmall` where the decoder has fewer outputs than the tokenizer has pieces.
  public init(_ decoder: Decoder, _ tokenizer: SentencePieceTokenizer) throws(GenerationError) {
    let configuration = decoder.configuration
    guard configuration.vocabularySize >= tokenizer.vocabularySize else {
      throw .vocabularyTooSmall(model: configuration.vocabularySize, tokenizer: tokenizer.vocabularySize)
    }
    self.decoder = decoder.frozen()
    self.tokenizer = tokenizer
    endIDs = Set(configuration.eosTokenIDs.map { Int32($0) } + [tokenizer.eosID].compactMap { $0 })
  }

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
  /// - Throws: `invalidOption`, `promptTooLong`, `emptyPrompt` or `logitsNotFinite`, the first three before anything is
  ///   generated.
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
    let promptIDs = try ids(of: prompts)
    var done: [Generation?] = prompts.map { _ in nil }
    var live: [GeneratedSequence] = []
    var next = 0

    /// Takes in the token each sequence has chosen; those that end leave.
    func advance(_ sequences: [GeneratedSequence], _ choices: [Choice]) throws(GenerationError) -> [GeneratedSequence] {
      var remaining: [GeneratedSequence] = []
      for (var sequence, choice) in zip(sequences, choices) {
        let (id, generator) = try choice.get()
        sequence.generator = generator
        var (text, reason) = sequence.append(
          id, isEnd: endIDs.contains(id), maxTokens: maxTokens, contextLength: decoder.configuration.contextLength)
        sequence.generation.text += text
        if handler(GenerationEvent(prompt: sequence.prompt, text: text)) == .stop { reason = reason ?? .handler }
        guard let reason else {
          remaining.append(sequence)
          continue
        }
        sequence.generation.stopReason = reason
        sequence.generation.generationSeconds = sequence.start.duration(to: .now) / .seconds(1)
        done[sequence.prompt] = sequence.generation
      }
      return remaining
    }

    while next < prompts.count || !live.isEmpty {
      while next < prompts.count && live.count < batchSize {
        let end = Self.group(of: promptIDs, from: next, atMost: batchSize - live.count)
        let (sequences, hidden, lastRows) = start(promptIDs, next..<end, stop: stop, seed: seed)
        live += try advance(sequences, choose(sampling, for: sequences, hidden: hidden, rows: lastRows))
        next = end
      }
      guard !live.isEmpty else { continue }
      let hidden = decoder.hiddenStates(
        live.map { $0.generation.tokenIDs[$0.generation.tokenIDs.count - 1] }, counts: live.map { _ in 1 },
        caches: live.map(\.cache))
      live = try advance(
        live, choose(sampling, for: live, hidden: hidden, rows: live.indices.map { Int32($0) }))
    }
    return done.compactMap { $0 }
  }

  private typealias Choice = Result<(id: Int32, generator: SeededGenerator), GenerationError>

  /// The tokens of each prompt, with BOS.
  private func ids(of prompts: [String]) throws(GenerationError) -> [[Int32]] {
    let beginning = [tokenizer.bosID].compactMap { $0 }
    let promptIDs = tokenizer.encode(prompts).map { beginning + $0 }
    let contextLength = decoder.configuration.contextLength
    for (prompt, ids) in promptIDs.enumerated() {
      guard !ids.isEmpty else { throw .emptyPrompt(prompt: prompt) }
      guard ids.count < contextLength else {
        throw .promptTooLong(prompt: prompt, tokens: ids.count, contextLength: contextLength)
      }
    }
    return promptIDs
  }

  /// Where a group of prompts ends that are computed together: so many at most, and few enough tokens for the activations
  /// to stay small, unless a single prompt has more.
  private static func group(of promptIDs: [[Int32]], from first: Int, atMost count: Int) -> Int {
    var (end, tokens) = (first + 1, promptIDs[first].count)
    while end < promptIDs.count, end - first < count, tokens + promptIDs[end].count <= 2_048 {
      tokens += promptIDs[end].count
      end += 1
    }
    return end
  }

  /// Computes some prompts together, and returns their sequences, hidden states [N, C], and the row of each one's last
  /// token.
  private func start(
    _ promptIDs: [[Int32]], _ prompts: Range<Int>, stop: [String], seed: UInt64
  ) -> (sequences: [GeneratedSequence], hidden: Tensor, lastRows: [Int32]) {
    let ids = promptIDs[prompts]
    let caches = prompts.map { _ in decoder.makeCache() }
    let clock = ContinuousClock()
    let start = clock.now
    let hidden = decoder.hiddenStates(Array(ids.joined()), counts: ids.map(\.count), caches: caches)
    let seconds = start.duration(to: clock.now) / .seconds(1)
    var lastRow: Int32 = -1
    let lastRows = ids.map { ids in
      lastRow += Int32(ids.count)
      return lastRow
    }
    let sequences = zip(prompts, caches).map { prompt, cache in
      // Hashed twice, for the sequences of neighbouring seeds of this generator are one sequence, shifted.
      var hash = SeededGenerator(seed: seed)
      hash = SeededGenerator(seed: hash.next() &+ UInt64(prompt))
      return GeneratedSequence(
        prompt: prompt, ids: promptIDs[prompt], cache: cache, generator: SeededGenerator(seed: hash.next()), stop: stop,
        tokenizer: tokenizer, promptSeconds: seconds)
    }
    return (sequences, hidden, lastRows)
  }

  /// Chooses the next token of each sequence, of which `rows` are the hidden states of the last tokens.
  private func choose(
    _ sampling: Sampling, for sequences: [GeneratedSequence], hidden: Tensor, rows: [Int32]
  ) -> [Choice] {
    decoder.projection(of: hidden).mapLogits(rows: rows) {
      [pieces = tokenizer.vocabularySize] index, logits, _, _ in
      for id in pieces..<logits.count { logits[id] = -.infinity }
      var generator = sequences[index].generator
      do throws(GenerationError) {
        let id = try sampling.nextToken(&logits, seen: sequences[index].seen, using: &generator)
        return .success((id, generator))
      } catch {
        return .failure(error)
      }
    }
  }
}
