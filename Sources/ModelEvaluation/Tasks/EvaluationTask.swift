/// Questions whose answers are known, to tell what a model can do.
///
/// A question with choices is answered by the choice that the model finds most probable behind the prompt; an open one
/// by the number at the end of what the model generates. Both are those of EleutherAI's lm-evaluation-harness (lm_eval
/// 0.4.13), `multiple_choice` and `generate_until` as in its GSM8K.
///
/// ```swift
/// let task = try EvaluationTask(contentsOf: URL(fileURLWithPath: "arc.jsonl"))
/// let result = try TaskResult(of: decoder, tokenizer, on: task)
/// ```
public struct EvaluationTask: Sendable, Equatable {
  /// The questions, all of one kind; at least two.
  public enum Questions: Sendable, Equatable {
    /// With choices.
    case choices([ChoiceQuestion])
    /// Without.
    case open([OpenQuestion])
  }

  /// What tables call it.
  public var name: String
  /// What is asked.
  public var questions: Questions

  /// A task, as the properties say.
  public init(name: String, questions: Questions) {
    self.name = name
    self.questions = questions
  }

  /// The number of questions.
  public var count: Int {
    switch questions {
    case .choices(let questions): questions.count
    case .open(let questions): questions.count
    }
  }

  /// The share of questions that whoever picks a choice at random has right; nil of open questions.
  public var guessing: Double? {
    guard case .choices(let questions) = questions else { return nil }
    return questions.reduce(0) { $0 + 1 / Double($1.choices.count) } / Double(questions.count)
  }
}

/// A question with choices.
public struct ChoiceQuestion: Sendable, Equatable {
  /// What stands before each choice, as it is; a space is put between the two. May be empty.
  public var prompt: String
  /// At least two, none of them empty.
  public var choices: [String]
  /// Which of the choices is right, counted from 0.
  public var answer: Int
  /// What errors call it: its file and line.
  public var place: String

  /// A question, as the properties say.
  public init(prompt: String, choices: [String], answer: Int, place: String) {
    self.prompt = prompt
    self.choices = choices
    self.answer = answer
    self.place = place
  }
}

/// A question whose answer, a number, is to be generated.
public struct OpenQuestion: Sendable, Equatable {
  /// What is to be continued, as it is.
  public var prompt: String
  /// The number, without commas and signs of currency.
  public var answer: String
  /// What errors call it: its file and line.
  public var place: String

  /// A question, as the properties say.
  public init(prompt: String, answer: String, place: String) {
    self.prompt = prompt
    self.answer = answer
    self.place = place
  }
}
