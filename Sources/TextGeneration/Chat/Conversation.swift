import TensorCore
public import Tokenization

/// What a model has answered to a message.
public struct ConversationAnswer: Sendable, Equatable {
  /// The answer and what is known of it; its prompt is the whole conversation.
  public var generation: Generation
  /// The tokens of the prompt whose keys and values were there already.
  public var keptTokens: Int
  /// The turns at the beginning of the conversation, of a user's message and its answer each, that had to go.
  public var droppedTurns: Int
}

/// A conversation with a model: messages of a user, and the model's answers.
///
/// ```swift
/// let conversation = try Conversation(Generator(model), format: .chatML, system: "Answer in one sentence.")
/// let answer = try conversation.answer(to: "What is a fox?") { part in … }
/// ```
///
/// The model reads a message once: the keys and values of all that was said stay. Where the context has no place for
/// another message and an answer, the oldest turns are dropped, and what is left is read again.
public final class Conversation {
  /// How messages become one text.
  public let format: ChatFormat
  private let generator: Generator
  private let settings: ConversationSettings
  private let sampler: TokenSampler
  private let caches: SequenceCaches
  private let system: String?
  /// The tokens that end an answer besides those that end every text.
  private let ends: Set<Int32>
  private let stop: [String]
  private var turns: [ConversationTurn] = []
  private var answerCount = 0

  /// Begins a conversation.
  /// - Parameters:
  ///   - generator: what answers.
  ///   - format: how messages become one text.
  ///   - system: instructions that hold for the whole conversation; nil, the default, for none.
  ///   - settings: how tokens are chosen, and how many.
  /// - Throws: `value` for the first of the settings that cannot be.
  public init(
    _ generator: Generator, format: ChatFormat, system: String? = nil,
    settings: ConversationSettings = ConversationSettings()
  ) throws(GenerationError) {
    sampler = try settings.sampler()
    self.generator = generator
    self.format = format
    self.system = system
    self.settings = settings
    caches = generator.makeCaches()
    let end = AnswerEnd(format, generator.tokenizer)
    ends = end.ids
    stop = settings.stop + end.stop
  }

  /// The tokens of the conversation so far, up to the end of the last answer.
  public var ids: [Int32] { ids(of: turns) }

  /// Forgets all that was said; the system's instructions stay.
  public func reset() { turns = [] }

  /// Answers a message.
  /// - Parameters:
  ///   - message: what the user says.
  ///   - handler: called after every token with the text that has become certain, often ""; on `.stop` the answer ends,
  ///     and what was said of it is part of the conversation.
  /// - Returns: the answer.
  /// - Throws: `promptTooLong` for a message that alone leaves no place for an answer, `emptyPrompt`, or
  ///   `logitsNotFinite`. The conversation is then as it was.
  public func answer(
    to message: String, handler: (String) -> GenerationDirective = { _ in .proceed }
  ) throws(GenerationError) -> ConversationAnswer {
    var turns = turns + [ConversationTurn(message: message)]
    var prompt = ids(of: turns)
    let reserve = min(settings.maxTokens, max(1, generator.contextLength / 4))
    while turns.count > 1, prompt.count > generator.contextLength - reserve {
      turns.removeFirst()
      prompt = ids(of: turns)
    }
    guard !prompt.isEmpty else { throw .emptyPrompt(prompt: 0) }
    guard prompt.count < generator.contextLength else {
      throw .promptTooLong(prompt: 0, tokens: prompt.count, contextLength: generator.contextLength)
    }
    let kept = caches.keptTokens(of: prompt)
    let request = generator.request(
      prompt, sampler, SeededGenerator(seed: settings.seed, stream: answerCount), maxTokens: settings.maxTokens,
      ends: ends)
    var answer: Generation?
    try generator.run(
      [request], maxTokens: settings.maxTokens, stop: stop, batchSize: 1, isRepeatable: false, caches: caches,
      event: { handler($1) == .proceed ? .proceed : .end }, completed: { answer = $1 })
    guard let answer else { preconditionFailure("a request that has not ended") }
    turns[turns.count - 1].take(answer, ends: request.endIDs, endText: format.endOfAnswer)
    let dropped = self.turns.count + 1 - turns.count
    self.turns = turns
    answerCount += 1
    return ConversationAnswer(generation: answer, keptTokens: kept, droppedTurns: dropped)
  }

  /// The tokens of a conversation, up to where an answer begins: what was generated is as it was.
  private func ids(of turns: [ConversationTurn]) -> [Int32] {
    var ids = [generator.tokenizer.bosID].compactMap(\.self)
    var previous: ConversationTurn?
    for turn in turns {
      let parts =
        (previous.map { format.parts(after: $0) } ?? [])
        + format.question(turn.message, system: previous == nil ? system : nil)
      ids += generator.tokenizer.encode(
        parts: parts, after: previous.map { $0.message + generator.tokenizer.decode($0.answer) })
      ids += turn.answer
      previous = turn
    }
    return ids
  }
}
