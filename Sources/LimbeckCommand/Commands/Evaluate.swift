import ArgumentParser
import Foundation
import Limbeck
import ModelEvaluation
import TensorCore

/// `limbeck evaluate`
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Asks models questions, and counts right answers.",
    discussion: """
      A task is a .jsonl file, one question a line:
        {"question": "The sun rises in", "choices": ["east", "west"], "answer": 0}
        {"question": "What is 6 times 7?", "answer": "6 * 7 = 42\\n#### 42"}

      With choices, the model's answer is the most probable one behind the question
      (acc), or the most probable one for each of its characters (acc_norm). Without,
      it is a number in what the model generates: the one behind the first "#### "
      (strict), or the last one (flexible). Accuracies and standard errors are those
      of EleutherAI's lm-evaluation-harness. The question is fed as it stands, with a
      space before each choice. docs/evaluating.md makes tasks of other files.

      'compare' and 'report' put students beside their teacher with --tasks, too.

      Example:
        limbeck evaluate --model runs/student --tasks arc.jsonl gsm8k.jsonl
      """)

  @Option(
    parsing: .upToNextOption, help: ArgumentHelp("Model folders, or .gguf files.", valueName: "model"))
  var model: [String]
  @Option(help: ModelTokenizer.help)
  var tokenizer: String?
  @OptionGroup var tasks: TaskOptions
  @Option(
    help: ArgumentHelp(
      "Also write every answer to this file, one JSON object a line; must not exist.", valueName: "file"))
  var answers: String?
  @Option(help: ArgumentHelp("Precision of matrix products.", valueName: "type"))
  var precision = ProductPrecision.float32
  @OptionGroup var rounding: WeightRoundingOptions
  @Flag(help: "Print one JSON object.")
  var json = false
  @OptionGroup var device: DeviceOptions

  func validate() throws {
    if tasks.tasks.isEmpty { throw ValidationError("Give --tasks: there is nothing to ask.") }
  }

  func run() throws {
    let file = try answers.map { try NewFile($0) }
    let questions = try tasks.load()
    let device = try device.device
    let models = try model.map { path in
      TaskOptions.Model(
        folder: path,
        model: try LanguageModel(
          path: path, tokenizer: tokenizer, rounding: rounding.weights, precision: precision, on: device))
    }
    let results = try tasks.results(of: models, on: questions, Console())
    if let file {
      let rows = try zip(model, results).flatMap { try AnswerRow.all(of: $1, to: questions, by: $0) }
      try file.write(Data(rows.joined().utf8))
    }
    if json { return try StandardOutput.write(json: Report(models: zip(model, results).map(Report.Entry.init))) }
    try StandardOutput.write(TaskTable(model, results, teacher: nil).text(columns: StandardOutput.columns))
  }

  private struct Report: Encodable {
    struct Entry: Encodable {
      let model: String
      let tasks: [TaskResult]
    }

    let models: [Entry]
  }
}

/// An answer, as a row of a file.
private struct AnswerRow: Encodable {
  let model, task: String
  /// Where the question stands.
  let question: String
  /// The right answer: the place of a choice, or a number.
  let answer: String
  var logLikelihoods: [Double]?
  var generated: String?
  /// By what counts as one, whether it is right.
  let right: [String: Bool]

  /// The rows of a model's answers, each with its line break.
  static func all(of results: [TaskResult], to tasks: [EvaluationTask], by model: String) throws -> [String] {
    try zip(results, tasks).flatMap { result, task in
      let questions: [(place: String, answer: String)] =
        switch task.questions {
        case .choices(let questions): questions.map { ($0.place, "\($0.answer)") }
        case .open(let questions): questions.map { ($0.place, $0.answer) }
        }
      return try questions.enumerated().map { index, question in
        var row = AnswerRow(
          model: model, task: task.name, question: question.place, answer: question.answer,
          right: Dictionary(uniqueKeysWithValues: result.scores.map { ($0.metric.rawValue, $0.isRight[index]) }))
        switch result.answers[index] {
        case .logLikelihoods(let values): row.logLikelihoods = values
        case .text(let text): row.generated = text
        }
        return try StandardOutput.json(row) + "\n"
      }
    }
  }
}
