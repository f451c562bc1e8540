import ArgumentParser
import Foundation
import Limbeck
import ModelEvaluation

/// The questions that models are asked: what `evaluate`, `compare` and `report` share.
struct TaskOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Files of questions with their answers, one JSON object a line (docs/evaluating.md).", valueName: "file.jsonl"))
  var tasks: [String] = []
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Most tokens of an answer that is generated, to questions without choices.", valueName: "n"))
  var answerTokens = TaskResult.usualAnswerTokens

  func validate() throws {
    if answerTokens < 1 { throw ValidationError("answer-tokens", expected: "at least 1", found: answerTokens) }
  }

  /// The tasks, each under the name of its file, or its path where two files have one name. Throws what is wrong with
  /// the files.
  func load() throws -> [EvaluationTask] {
    let files = tasks.map { URL(fileURLWithPath: $0) }
    let names = files.map { $0.deletingPathExtension().lastPathComponent }
    let paths = Set(names).count == names.count ? names : tasks
    return try zip(files, paths).map { try EvaluationTask(contentsOf: $0, name: $1) }
  }

  /// A model that is asked.
  struct Model {
    /// Its folder, as the user named it.
    let folder: String
    let model: LanguageModel

    fileprivate func result(
      on task: EvaluationTask, answerTokens: Int, progress: (Int) -> Void
    ) throws(ModelTaskError) -> TaskResult {
      do {
        return try TaskResult(
          of: model.decoder, model.tokenizer, on: task, answerTokens: answerTokens, progress: progress)
      } catch {
        throw ModelTaskError(folder: folder, error: error)
      }
    }
  }

  /// What each model makes of each task: for each model one result a task. Says on standard error where prompts were
  /// too long. Throws what is wrong with the questions for a model.
  func results(of models: [Model], on tasks: [EvaluationTask], _ console: Console) throws -> [[TaskResult]] {
    if tasks.isEmpty { return models.map { _ in [] } }
    let total = models.count * tasks.reduce(0) { $0 + $1.count }
    let names = models.map(\.folder).joined(separator: ", ")
    var progress = ProgressLine("question", on: console, announcing: "asking \(names)")
    defer { progress.end() }
    let clock = ContinuousClock()
    let start = clock.now
    var done = 0
    return try models.map { asked in
      try tasks.map { task in
        let result = try blamingWeights(of: [asked.model]) {
          try asked.result(on: task, answerTokens: answerTokens) { count in
            let speed = Double(done + count) / max((clock.now - start) / .seconds(1), 1e-9)
            progress.show(
              done + count, of: total,
              details: ["\(asked.folder): \(task.name)", "\(Format.fixed(speed, 1)) questions/s"])
          }
        }
        done += task.count
        if result.truncatedPrompts > 0 {
          console.write(
            "\(asked.folder): \(task.name): the beginning of \(Format.count(result.truncatedPrompts, "prompt")) was "
              + "cut off, for the context of \(Format.count(asked.model.configuration.contextLength, "token"))")
        }
        return result
      }
    }
  }
}

/// What is wrong with a task for one of several models.
struct ModelTaskError: Error, CustomStringConvertible {
  let folder: String
  let error: TaskError

  var description: String { "\(folder): \(error)" }
}
