import Foundation
import LanguageModels
import ModelEvaluation
import ModelFiles
import TestSupport
import Testing
import Tokenization

/// tasks/expected.json holds what lm_eval 0.4.13 finds for stories260K in float32, on transformers and PyTorch.
@Suite(
  "Answers of stories260K are those of lm-evaluation-harness",
  .enabled(if: Folders.hasShared, "needs the folder `shared` beside the clone"))
struct TaskSharedModelTests {
  private struct Expected: Decodable {
    struct Task<Answer: Decodable>: Decodable {
      let right: [String: [Int]]
      let sums: [String: Double]
      let answers: [Answer]
    }
    let choices: Task<[Double]>
    let numbers: Task<String>
  }

  private static let folder = Folders.project.appendingPathComponent("Tests/Fixtures/tasks")

  private static func expected() throws -> Expected {
    try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: folder.appendingPathComponent("expected.json")))
  }

  private static func result(_ name: String) throws -> TaskResult {
    let model = Folders.shared.appendingPathComponent("models/stories260K")
    return try TaskResult(
      of: FrozenDecoder(contentsOf: model),
      SentencePieceTokenizer(contentsOf: model.appendingPathComponent("tokenizer.model")),
      on: EvaluationTask(contentsOf: folder.appendingPathComponent(name)))
  }

  @Test("Log-likelihoods, right choices and standard errors, with truncated, empty and odd prompts")
  func choices() throws {
    let expected = try Self.expected().choices
    let found = try Self.result("choices.jsonl")
    #expect(found.questions >= 200 && found.truncatedPrompts > 0)
    for (answer, values) in zip(found.answers, expected.answers) {
      guard case .logLikelihoods(let own) = answer else { continue }
      #expect(own.count == values.count)
      for (own, value) in zip(own, values) { #expect(abs(own - value) < 1e-3) }
    }
    for score in found.scores {
      let name = score.metric.rawValue
      #expect(try #require(expected.right[name]) == score.isRight.map { $0 ? 1 : 0 }, "\(name)")
      #expect(abs(try #require(expected.sums["\(name),none"]) - score.accuracy.mean) < 1e-12)
      #expect(abs(try #require(expected.sums["\(name)_stderr,none"]) - score.accuracy.standardError) < 1e-12)
    }
  }

  @Test("Generated texts, of long prompts too")
  func numbers() throws {
    let expected = try Self.expected().numbers
    let found = try Self.result("numbers.jsonl")
    #expect(found.questions >= 50 && found.truncatedPrompts > 0)
    #expect(found.answers == expected.answers.map { .text($0) })
    for score in found.scores {
      #expect(try #require(expected.right[score.metric.rawValue]) == score.isRight.map { $0 ? 1 : 0 })
    }
  }
}
