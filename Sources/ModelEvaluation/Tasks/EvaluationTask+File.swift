import Diagnostics
import DurableFiles
public import Foundation
import Tokenization

extension EvaluationTask {
  /// Reads the rows of a `.jsonl` or `.json` file.
  ///
  /// A row is an object with a text under `question`, `query`, `context` or `prompt`, and the answer under `answer` or
  /// `label`. With an array of texts under `choices`, the answer is the text of one of them, its letter (`"B"`), or its
  /// place, counted from 0. Without, it is a number, or a text that ends in `#### ` and one, as in GSM8K. Other keys
  /// mean nothing.
  /// - Parameters:
  ///   - file: the file.
  ///   - name: what tables call the task; by default the name of the file without its ending.
  /// - Throws: `text` for a file that cannot be read or a row that is no JSON; `value` for a row that is none of
  ///   these, one of another kind than the first, and fewer than two rows.
  public init(contentsOf file: URL, name: String? = nil) throws(TaskError) {
    let rows = try Self.rows(of: file)
    var (choices, open) = ([ChoiceQuestion](), [OpenQuestion]())
    for row in rows {
      if row.value(of: ["choices"])?.value != nil {
        guard open.isEmpty else { throw row.invalid("choices", expected: "none, as in the rows before", found: "some") }
        choices.append(try row.choiceQuestion())
      } else {
        guard choices.isEmpty else {
          throw row.invalid("choices", expected: "some, as in the rows before", found: "none")
        }
        open.append(try row.openQuestion())
      }
    }
    guard rows.count >= 2 else {
      throw .value(
        InvalidValue(
          file.path, "questions", expected: "at least 2, as a standard error needs", found: "\(rows.count)",
          advice: Self.formatAdvice))
    }
    self.init(
      name: name ?? file.deletingPathExtension().lastPathComponent,
      questions: open.isEmpty ? .choices(choices) : .open(open))
  }

  fileprivate static let formatAdvice = "docs/evaluating.md shows how a task is written, and how jq makes one"

  private static func rows(of file: URL) throws(TaskError) -> [TaskRow] {
    let (text, rows): (SmallTextFile, [JSONRow])
    do throws(TokenizationError) {
      text = try SmallTextFile(TextSource(file: file))
      rows = text.hasRows ? try text.rows() : []
    } catch {
      throw .text(error)
    }
    guard text.hasRows else {
      throw .value(
        InvalidValue(
          file.path, "the task", expected: "a .jsonl file, one JSON object a line", found: "a file of another name",
          advice: formatAdvice))
    }
    var found: [TaskRow] = []
    for row in rows {
      let place = "\(file.path), line \(row.line)"
      guard case .object(let fields) = row.value else {
        throw .value(InvalidValue(place, "the question", expected: "a JSON object", found: "\(row.value)"))
      }
      found.append(TaskRow(fields: fields, place: place))
    }
    return found
  }
}

/// A row of a task's file.
private struct TaskRow {
  let fields: [String: JSONValue]
  let place: String

  /// What a row has under one of several keys.
  struct Field {
    let key: String
    let value: JSONValue
  }

  private static let promptKeys = ["question", "query", "context", "prompt"]
  private static let answerKeys = ["answer", "label"]

  /// The first of `keys` that is there.
  func value(of keys: [String]) -> Field? {
    for key in keys {
      if let value = fields[key], value != .null { return Field(key: key, value: value) }
    }
    return nil
  }

  func invalid(_ key: String, expected: String, found: String) -> TaskError {
    .value(InvalidValue(place, key, expected: expected, found: found, advice: EvaluationTask.formatAdvice))
  }

  func choiceQuestion() throws(TaskError) -> ChoiceQuestion {
    let prompt = try prompt()
    guard case .array(let values) = fields["choices"], values.count >= 2 else {
      throw invalid("choices", expected: "an array of at least 2 texts", found: "\(fields["choices"] ?? .null)")
    }
    var choices: [String] = []
    for (index, value) in values.enumerated() {
      guard case .string(let choice) = value, !choice.isEmpty else {
        throw invalid("choices[\(index)]", expected: "a text that is not empty", found: "\(value)")
      }
      choices.append(choice)
    }
    return ChoiceQuestion(prompt: prompt, choices: choices, answer: try answer(among: choices), place: place)
  }

  func openQuestion() throws(TaskError) -> OpenQuestion {
    let prompt = try prompt()
    guard !prompt.isEmpty else { throw invalid("question", expected: "a text that is not empty", found: "\"\"") }
    let answer = try only(Self.answerKeys)
    let number: String? =
      switch answer.value {
      case .string(let text): NumberAnswer.reference(in: text)
      case .integer, .number: NumberAnswer.reference(in: answer.value.text())
      default: nil
      }
    guard let number else {
      throw invalid(
        answer.key, expected: "a number, or a text that ends in \"#### \" and one; or choices",
        found: "\(answer.value)")
    }
    return OpenQuestion(prompt: prompt, answer: number, place: place)
  }

  private func prompt() throws(TaskError) -> String {
    let field = try only(Self.promptKeys)
    guard case .string(let text) = field.value else {
      throw invalid(field.key, expected: "a text", found: "\(field.value)")
    }
    return text
  }

  /// The right one of the choices.
  private func answer(among choices: [String]) throws(TaskError) -> Int {
    let answer = try only(Self.answerKeys)
    switch answer.value {
    case .integer(let index) where choices.indices.contains(index):
      return index
    case .string(let text):
      // code point by code point: to a model, two spellings of one accent are two texts
      if let index = choices.firstIndex(where: { $0.unicodeScalars.elementsEqual(text.unicodeScalars) }) {
        return index
      }
      let letters = text.unicodeScalars
      if letters.count == 1, let letter = letters.first, ("A"..."Z").contains(letter),
        choices.indices.contains(Int(letter.value - 65))
      {
        return Int(letter.value - 65)
      }
    default: break
    }
    throw invalid(
      answer.key, expected: "the text of a choice, its letter, or its place from 0 to \(choices.count - 1)",
      found: "\(answer.value)")
  }

  /// What is under the one of `keys` that is there.
  private func only(_ keys: [String]) throws(TaskError) -> Field {
    let there = keys.filter { fields[$0] != nil && fields[$0] != .null }
    guard there.count == 1, let field = value(of: keys) else {
      throw invalid(
        keys[0], expected: "one of the keys " + keys.joined(separator: ", "),
        found: there.isEmpty
          ? keys.first { fields[$0] != nil }.map { "null under \($0)" } ?? "none of them"
          : there.joined(separator: " and "))
    }
    return field
  }
}
