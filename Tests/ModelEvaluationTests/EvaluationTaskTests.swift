import Diagnostics
import Foundation
import TestSupport
import Testing

@testable import ModelEvaluation

@Suite("Files of tasks")
struct EvaluationTaskTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func task(_ text: String, name: String = "task.jsonl") throws -> EvaluationTask {
    try EvaluationTask(contentsOf: folder.write(text, to: name))
  }

  private static let other = #"{"question": "x", "choices": ["y", "z"], "answer": 1}"# + "\n"

  @Test(
    "The right choice is told by its place, its text or its letter, and the prompt under four names",
    arguments: [
      (#"{"question": "Who?", "choices": ["I", "you"], "answer": 1}"#, "Who?", 1),
      (#"{"query": "Who?", "choices": ["I", "you"], "answer": "I", "id": 7}"#, "Who?", 0),
      (#"{"context": "Who?", "choices": ["I", "you"], "label": "B", "split": null}"#, "Who?", 1),
      (#"{"prompt": "", "choices": ["I", "you"], "label": 0, "answer": null}"#, "", 0),
      // a text comes before a letter
      (#"{"question": "Which?", "choices": ["B", "A"], "answer": "A"}"#, "Which?", 1),
      (#"{"question": "Which?", "choices": ["\u00e9", "e\u0301"], "answer": "e\u0301"}"#, "Which?", 1),
    ])
  func choices(row: String, prompt: String, answer: Int) throws {
    let task = try task(Self.other + "\n" + row + "\n")
    let questions = try #require(task.choiceQuestions)
    #expect(task.name == "task" && task.count == 2 && task.guessing == 0.5)
    #expect(questions[1].prompt == prompt && questions[1].answer == answer)
    #expect(questions[1].place.hasSuffix("task.jsonl, line 3"))
  }

  @Test(
    "The number of an open question is a number, or stands behind the last ####",
    arguments: [
      ("\"So it is 6 * 7 = 42.\\n#### 42\"", "42"), ("\"#### 1\\n#### 1,200 \"", "1200"), ("\"$-3.50\"", "-3.50"),
      ("42", "42"), ("-7", "-7"), ("2.5", "2.5"), ("\"12.\"", "12"),
    ])
  func numbers(answer: String, expected: String) throws {
    let row = "{\"question\": \"How many?\", \"answer\": \(answer)}\n"
    let task = try task(row + row)
    let questions = try #require(task.openQuestions)
    #expect(task.guessing == nil)
    #expect(questions.map(\.answer) == [expected, expected])
  }

  @Test(
    "What is no question is refused, with its line and key",
    arguments: [
      (#"{"question": "Who?", "choices": ["I"], "answer": 0}"#, "choices: expected an array of at least 2 texts"),
      (#"{"question": "Who?", "choices": [], "answer": 0}"#, "choices: expected an array of at least 2 texts"),
      (#"{"question": "Who?", "choices": {"text": ["I"]}, "answer": 0}"#, "choices: expected an array"),
      (#"{"question": "Who?", "choices": ["I", ""], "answer": 0}"#, "choices[1]: expected a text that is not empty"),
      (#"{"question": "Who?", "choices": ["I", 3], "answer": 0}"#, "choices[1]: expected a text that is not empty"),
      (#"{"question": "Who?", "choices": ["I", "you"], "answer": 2}"#, "answer: expected the text of a choice"),
      (#"{"question": "Who?", "choices": ["I", "you"], "answer": -1}"#, "its place from 0 to 1, found -1"),
      (#"{"question": "Who?", "choices": ["I", "you"], "answer": "C"}"#, #"found "C""#),
      (#"{"question": "Who?", "choices": ["I", "you"], "answer": "1"}"#, #"found "1""#),
      (#"{"question": "Who?", "choices": ["I", "you"], "label": true}"#, "label: expected the text of a choice"),
      (#"{"question": "Who?", "choices": ["I", "you"]}"#, "one of the keys answer, label, found none of them"),
      (#"{"question": "Who?", "choices": ["I", "you"], "answer": 0, "label": 0}"#, "found answer and label"),
      (#"{"choices": ["I", "you"], "answer": 0}"#, "one of the keys question, query, context, prompt, found none"),
      (#"{"question": "Who?", "query": "?", "choices": ["I", "you"], "answer": 0}"#, "found question and query"),
      (#"{"question": null, "choices": ["I", "you"], "answer": 0}"#, "prompt, found null under question"),
      (#"{"question": 3, "choices": ["I", "you"], "answer": 0}"#, "question: expected a text, found 3"),
      (#"{"question": "Who?", "answer": 3}"#, "choices: expected some, as in the rows before, found none"),
      (#"["Who?"]"#, "the question: expected a JSON object"),
      ("Who?", "not valid JSON"),
    ])
  func malformed(row: String, message: String) throws {
    let error = #expect(throws: TaskError.self) { try task(Self.other + row + "\n") }
    let text = try #require(error).description
    #expect(text.contains(message) && text.contains("line 2"), "\(text)")
  }

  @Test(
    "What is no open question is refused",
    arguments: [
      (#"{"question": "How many?", "answer": "many"}"#, "answer: expected a number"),
      (#"{"question": "How many?", "answer": "3 or 4"}"#, "answer: expected a number"),
      (#"{"question": "How many?", "answer": true}"#, "answer: expected a number"),
      (#"{"question": "", "answer": 3}"#, "question: expected a text that is not empty"),
      (#"{"question": "Who?", "choices": ["I", "you"], "answer": 0}"#, "choices: expected none, as in the rows before"),
    ])
  func malformedOpen(row: String, message: String) throws {
    let error = #expect(throws: TaskError.self) { try task("{\"question\": \"x\", \"answer\": 3}\n" + row + "\n") }
    let text = try #require(error).description
    #expect(text.contains(message) && text.contains("line 2"), "\(text)")
  }

  @Test("A file without two questions is refused, and so is one of another name")
  func tooShort() throws {
    for text in ["", "\n", Self.other] {
      let error = #expect(throws: TaskError.self) { try task(text) }
      #expect(try #require(error).description.contains("expected"), "\(text)")
    }
    let error = #expect(throws: TaskError.self) { try task(Self.other + Self.other, name: "task.txt") }
    #expect(try #require(error).description.contains("expected a .jsonl file"))
    #expect(throws: TaskError.self) { try EvaluationTask(contentsOf: folder.file("none.jsonl")) }
  }
}

extension EvaluationTask {
  fileprivate var choiceQuestions: [ChoiceQuestion]? { if case .choices(let found) = questions { found } else { nil } }
  fileprivate var openQuestions: [OpenQuestion]? { if case .open(let found) = questions { found } else { nil } }
}
