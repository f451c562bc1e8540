public import LanguageModels
public import Tokenization

/// What counts as a right answer.
public enum AnswerMetric: String, Codable, Sendable, CaseIterable {
  /// The choice with the highest log-likelihood, of several the first.
  case accuracy = "acc"
  /// The choice with the highest log-likelihood for each of its characters (Unicode scalars).
  case normalizedAccuracy = "acc_norm"
  /// The number behind the first `#### ` of the generated text.
  case strictMatch = "exact_match_strict"
  /// The last number of the generated text.
  case flexibleMatch = "exact_match_flexible"

  /// As tables and sentences have it.
  public var title: String {
    switch self {
    case .accuracy: "acc"
    case .normalizedAccuracy: "acc_norm"
    case .strictMatch: "exact match (strict)"
    case .flexibleMatch: "exact match (flexible)"
    }
  }
}

/// How a model answers a question.
public enum TaskAnswer: Sendable, Equatable {
  /// The log-likelihood of each choice, in nats.
  case logLikelihoods([Double])
  /// What it generates.
  case text(String)
}

/// What a model makes of a task.
public struct TaskResult: Sendable, Equatable {
  /// The share of right answers, by what counts as one.
  public struct Score: Sendable, Equatable {
    /// What counts.
    public var metric: AnswerMetric
    /// Whether each answer is right.
    public var isRight: [Bool]

    /// A score, as the properties say.
    public init(metric: AnswerMetric, isRight: [Bool]) {
      self.metric = metric
      self.isRight = isRight
    }

    /// The share, with the standard error of a mean, as lm-evaluation-harness has it (`mean_stderr`).
    public var accuracy: Estimate { Estimate(of: isRight.map { $0 ? 1 : 0 }) }
  }

  /// What the task is called.
  public var task: String
  /// The number of questions.
  public var questions: Int
  /// The first is the one that a sentence names: acc, or the strict match.
  public var scores: [Score]
  /// The share that guessing has right; nil of open questions.
  public var guessing: Double?
  /// How many prompts lost tokens at their beginning, for the model's context to hold the rest.
  public var truncatedPrompts: Int
  /// Questions per second.
  public var questionsPerSecond: Double
  /// The answers themselves, in the order of the questions.
  public var answers: [TaskAnswer]

  /// A result, as the properties say; its questions are those of the scores.
  public init(
    task: String, scores: [Score], guessing: Double?, truncatedPrompts: Int, questionsPerSecond: Double,
    answers: [TaskAnswer]
  ) {
    precondition(!scores.isEmpty && Set(scores.map(\.isRight.count)).count == 1, "scores of different questions")
    self.task = task
    questions = scores[0].isRight.count
    self.scores = scores
    self.guessing = guessing
    self.truncatedPrompts = truncatedPrompts
    self.questionsPerSecond = questionsPerSecond
    self.answers = answers
  }

  /// The most tokens of a generated answer, where the caller does not say: as in lm-evaluation-harness.
  public static let usualAnswerTokens = 256

  /// Asks a model.
  /// - Parameters:
  ///   - decoder: the model; nothing is recorded for gradients.
  ///   - tokenizer: the one it was trained with.
  ///   - task: the questions.
  ///   - answerTokens: the most tokens of a generated answer, from 1 to fewer than the decoder's context.
  ///   - progress: called with the number of questions answered so far.
  /// - Throws: `TaskError` for a choice that has no token or too many, a context without room for an answer, an empty
  ///   prompt without a token to begin with, and a model that gives NaN or no probability at all.
  public init(
    of decoder: any DecoderModel, _ tokenizer: any Tokenizer, on task: EvaluationTask,
    answerTokens: Int = usualAnswerTokens, progress: (Int) -> Void = { _ in }
  ) throws(TaskError) {
    let clock = ContinuousClock()
    let start = clock.now
    let decoder = decoder.frozen()
    switch task.questions {
    case .choices(let questions):
      let found = try ChoiceAnswers(of: decoder, tokenizer, to: questions, progress: progress)
      answers = found.logLikelihoods.map { .logLikelihoods($0) }
      truncatedPrompts = found.truncatedCount
      scores = [
        Score(metric: .accuracy, isRight: zip(questions, found.logLikelihoods).map { $0.answer == $1.firstLargest }),
        Score(
          metric: .normalizedAccuracy,
          isRight: zip(questions, found.logLikelihoods).map { question, values in
            let perCharacter = zip(values, question.choices).map { $0 / Double($1.unicodeScalars.count) }
            return question.answer == perCharacter.firstLargest
          }),
      ]
    case .open(let questions):
      let found = try GeneratedAnswers(
        of: decoder, tokenizer, to: questions, answerTokens: answerTokens, progress: progress)
      answers = found.texts.map { .text($0) }
      truncatedPrompts = found.truncatedCount
      scores = [
        Score(
          metric: .strictMatch,
          isRight: zip(questions, found.texts).map { $0.answer == NumberAnswer.strict(in: $1) }),
        Score(
          metric: .flexibleMatch,
          isRight: zip(questions, found.texts).map { $0.answer == NumberAnswer.flexible(in: $1) }),
      ]
    }
    self.task = task.name
    self.questions = task.count
    guessing = task.guessing
    questionsPerSecond = Double(task.count) / max((clock.now - start) / .seconds(1), 1e-9)
  }
}

extension [Double] {
  /// The place of the largest value, of several the first.
  fileprivate var firstLargest: Int? { indices.max { self[$0] < self[$1] || self[$0] == self[$1] && $0 > $1 } }
}

// MARK: - In files

extension TaskResult: Encodable {
  private enum CodingKeys: String, CodingKey {
    case task
    case questions
    case accuracy = "acc"
    case normalizedAccuracy = "acc_norm"
    case strictMatch = "exact_match_strict"
    case flexibleMatch = "exact_match_flexible"
    case guessing
    case truncatedPrompts = "truncated_prompts"
    case questionsPerSecond = "questions_per_second"
  }

  /// Writes the sums, not the answers.
  public func encode(to encoder: any Encoder) throws {
    var object = encoder.container(keyedBy: CodingKeys.self)
    try object.encode(task, forKey: .task)
    try object.encode(questions, forKey: .questions)
    for score in scores {
      let key: CodingKeys =
        switch score.metric {
        case .accuracy: .accuracy
        case .normalizedAccuracy: .normalizedAccuracy
        case .strictMatch: .strictMatch
        case .flexibleMatch: .flexibleMatch
        }
      try object.encode(score.accuracy, forKey: key)
    }
    try object.encodeIfPresent(guessing, forKey: .guessing)
    try object.encode(truncatedPrompts, forKey: .truncatedPrompts)
    try object.encode(questionsPerSecond, forKey: .questionsPerSecond)
  }
}
