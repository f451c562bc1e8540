import Foundation
import ModelTraining
import TestSupport
import Testing

@Suite struct RunRecordTests {
  private func train(_ url: URL, steps: Int, stoppingAt last: Int? = nil) throws -> [TrainingEvent] {
    var recipe = Small.recipe(steps: steps)
    (recipe.evaluateEvery, recipe.checkpointEvery) = (3, 2)
    var events: [TrainingEvent] = []
    try Trainer(
      model: Small.model(), objective: CrossEntropyObjective(), data: Small.text(), validation: Small.validation(100),
      recipe: recipe, folder: RunFolder(small: url)
    ).run { event in
      events.append(event)
      if case .step(let step) = event, step.number == last { return .stop }
      return .continue
    }
    return events
  }

  @Test func aFinishedRunTellsWhatItsEventsTold() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    let events = try train(url, steps: 9)
    let record = try #require(try RunRecord(ofRun: url))
    #expect(record.steps.map(\.step) == Array(1...9))
    #expect(record.evaluations.map(\.step) == [3, 6, 9])
    let steps = events.compactMap { event in if case .step(let step) = event { step } else { nil } }
    #expect(record.steps.map(\.loss) == steps.map(\.loss))
    #expect(record.steps.map(\.crossEntropy) == steps.map(\.crossEntropy))
    #expect(record.steps.map(\.tokens) == steps.map(\.countedTokens))
    #expect(record.steps.map(\.tokensSeen) == steps.map(\.tokensSeen))
    #expect(record.steps.map(\.gradientNorm) == steps.map(\.gradientNorm))
    #expect(record.steps.map(\.learningRate) == steps.map(\.learningRate))
    let results = events.compactMap { event in if case .evaluated(let result) = event { result } else { nil } }
    #expect(record.evaluations.map(\.crossEntropy) == results.map(\.crossEntropy))
    #expect(record.evaluations.map(\.perplexity) == results.map(\.perplexity))
    #expect(record.model == url)
    #expect(record.stepCount == 9)
    #expect(record.tokensSeen == 9 * 48)
    #expect(record.seconds == record.manifest.result?.seconds)
  }

  @Test func anUnfinishedRunEndsAtItsNewestCheckpoint() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    _ = try RunFolder(small: url)
    let begun = try #require(try RunRecord(ofRun: url))
    #expect(begun.model == nil && begun.steps.isEmpty && begun.stepCount == 0 && begun.tokensSeen == 0)

    let other = folder.file("other")
    _ = try train(other, steps: 9, stoppingAt: 5)
    // what a kill in step 7 leaves: a step since the checkpoint, and a part of a line
    let metrics = other.appendingPathComponent("metrics.jsonl")
    let lines = try String(contentsOf: metrics, encoding: .utf8)
    let last = try #require(lines.split(separator: "\n").last)
    try (lines + last.replacing("\"step\":5", with: "\"step\":6") + "\n" + last.prefix(40))
      .write(to: metrics, atomically: false, encoding: .utf8)
    let stopped = try #require(try RunRecord(ofRun: other))
    #expect(stopped.manifest.result == nil)
    #expect(stopped.model?.lastPathComponent == "step-00000005")
    #expect(stopped.steps.map(\.step) == Array(1...6))
    #expect(stopped.stepCount == 5)
    #expect(stopped.tokensSeen == 5 * 48)
    #expect(stopped.seconds > 0)
  }

  @Test func whatIsNoRunIsNoneAndDamageIsNamed() throws {
    let folder = try TemporaryFolder()
    #expect(try RunRecord(ofRun: folder.url) == nil)
    let url = folder.file("run")
    _ = try train(url, steps: 2)
    let metrics = url.appendingPathComponent("metrics.jsonl")
    let lines = try String(contentsOf: metrics, encoding: .utf8).split(separator: "\n")
    try "\(lines[0])\n{\"step\":2}\n".write(to: metrics, atomically: false, encoding: .utf8)
    let error = #expect(throws: TrainingError.self) { try RunRecord(ofRun: url) }
    #expect(error?.description.hasPrefix("\(metrics.path), line 2: no metrics of a step") == true)
  }
}
