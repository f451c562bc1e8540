import Diagnostics
import LanguageModels
import TensorCore
import TextGeneration
import Tokenization

/// What a model writes behind the prompts of open questions: always its most probable token, as `generate_until` of
/// lm-evaluation-harness has it.
struct GeneratedAnswers {
  /// The most sequences that are computed together.
  private static let batchSize = 16

  /// The text behind each prompt.
  private(set) var texts: [String] = []
  /// How many prompts lost tokens at their beginning, for the model's context to hold the rest and the answer.
  private(set) var truncatedCount = 0

  /// - Parameters:
  ///   - decoder: what predicts the tokens.
  ///   - tokenizer: the one the decoder was trained with.
  ///   - questions: the questions.
  ///   - answerTokens: the most tokens of an answer, from 1 to fewer than the decoder's context.
  ///   - progress: called with the number of answers so far.
  /// - Throws: `value` for such a number, `noBeginningToken`, and what the generator refuses.
  init(
    of decoder: FrozenDecoder, _ tokenizer: any Tokenizer, to questions: [OpenQuestion], answerTokens: Int,
    progress: (Int) -> Void
  ) throws(TaskError) {
    let contextLength = decoder.configuration.contextLength
    guard (1..<contextLength).contains(answerTokens) else {
      throw .value(
        InvalidValue(
          "answer-tokens", expected: "at least 1, and fewer than the \(contextLength) of the model's context",
          found: "\(answerTokens)", advice: "the question needs room, too"))
    }
    var requests: [[Int32]] = []
    for (question, ids) in zip(questions, tokenizer.encode(questions.map(\.prompt))) {
      let ids = tokenizer.withBeginning(ids, orElse: decoder.configuration.beginningID)
      guard !ids.isEmpty else { throw .noBeginningToken(place: question.place) }
      if ids.count > contextLength - answerTokens { truncatedCount += 1 }
      requests.append(ids.suffix(contextLength - answerTokens))
    }
    do {
      texts = try Self.texts(after: requests, decoder, tokenizer, answerTokens: answerTokens, progress: progress)
    } catch {
      throw .generation(error)
    }
  }

  private static func texts(
    after prompts: [[Int32]], _ decoder: FrozenDecoder, _ tokenizer: any Tokenizer, answerTokens: Int,
    progress: (Int) -> Void
  ) throws(GenerationError) -> [String] {
    let session = try Generator(decoder, tokenizer).makeSession(batchSize: batchSize, isRepeatable: false)
    let sampler = try Sampling.greedy.sampler()
    // unlike `Generator`, BOS does not end a text, and is not part of it
    let endIDs = Set(decoder.configuration.eosTokenIDs.map { Int32($0) } + [tokenizer.eosID].compactMap(\.self))
    let silentIDs = endIDs.union([tokenizer.bosID, tokenizer.padID].compactMap(\.self))
    var texts = prompts.map { _ in "" }
    var live: [SequenceID: AnswerText] = [:]
    var (next, done) = (0, 0)
    while true {
      while next < prompts.count, session.sequenceCount < 2 * batchSize {
        let request = DecodingRequest(
          ids: prompts[next], sampler: sampler, generator: SeededGenerator(seed: 0), maximumTokens: answerTokens,
          endIDs: endIDs)
        live[try session.submit(request)] = AnswerText(tokenizer, silentIDs: silentIDs)
        next += 1
      }
      if session.sequenceCount == 0 { return texts }
      for event in session.step() {
        guard case .token(let token) = event else {
          if case .failed(_, let error) = event { throw error }
          continue
        }
        guard var answer = live.removeValue(forKey: token.sequence) else { continue }
        let hasStopped = answer.append(token.id)
        if !hasStopped, token.finish == nil {
          live[token.sequence] = answer
          continue
        }
        session.cancel(token.sequence)
        if !hasStopped { answer.finish() }
        texts[token.sequence.number] = answer.text
        done += 1
        progress(done)
      }
    }
  }
}

/// An answer while it is generated.
private struct AnswerText {
  private static let stops = NumberAnswer.stops.map { Array($0.utf8) }
  private static let longestStop = stops.map(\.count).max() ?? 0

  private var decoder: any TokenDecoder
  private var bytes: [UInt8] = []
  private let silentIDs: Set<Int32>

  init(_ tokenizer: any Tokenizer, silentIDs: Set<Int32>) {
    decoder = tokenizer.makeDecoder(repairsUTF8: true)
    self.silentIDs = silentIDs
  }

  /// Takes the next token. Returns whether the text has come to a string that ends it, which is no part of it.
  mutating func append(_ id: Int32) -> Bool {
    if silentIDs.contains(id) { return false }
    let before = bytes.count
    decoder.append(id, to: &bytes)
    for start in max(0, before - Self.longestStop)..<bytes.count
    where Self.stops.contains(where: { bytes[start...].starts(with: $0) }) {
      bytes.removeSubrange(start...)
      return true
    }
    return false
  }

  /// Takes in what the last tokens may have begun.
  mutating func finish() { decoder.finish(to: &bytes) }

  var text: String { String(decoding: bytes, as: UTF8.self) }
}
