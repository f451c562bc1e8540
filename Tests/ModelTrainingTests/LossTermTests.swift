import Foundation
import LanguageModels
import ModelTraining
import TestSupport
import Testing

/// Terms that no module but the objective's knows.
@Suite struct LossTermTests {
  private static let half = LossTerm("halfEntropy", title: "Half of the cross-entropy", note: "nats")

  /// The cross-entropy, which reports half of itself as a term.
  private struct Halving: TrainingObjective {
    private func halved(_ sums: LossSums) -> LossSums {
      var sums = sums
      sums.terms[half] = sums.crossEntropy / 2
      return sums
    }

    func accumulateGradients(
      of model: TransformerDecoder, on batch: TokenBatch, at position: StepPosition, scale: Double
    ) -> LossSums {
      halved(CrossEntropyObjective().accumulateGradients(of: model, on: batch, at: position, scale: scale))
    }

    func measure(_ model: any DecoderModel, on batch: TokenBatch, at position: StepPosition) -> LossSums {
      halved(CrossEntropyObjective().measure(model, on: batch, at: position))
    }
  }

  /// Its name is all that it takes to be summed over micro-batches, written as the other keys are, and read again.
  @Test func aTermOfOnesOwnReachesEventsAndFiles() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    var steps: [TrainingStep] = []
    let summary = try Trainer(
      model: Small.model(), objective: Halving(), data: Small.text(), validation: Small.validation(100),
      recipe: Small.recipe(steps: 3), folder: RunFolder(small: url)
    ).run { event in
      if case .step(let step) = event { steps.append(step) }
      return .continue
    }
    for step in steps { #expect(abs(try #require(step.terms[Self.half]) - step.crossEntropy / 2) < 1e-12) }
    let metrics = try String(contentsOf: url.appendingPathComponent("metrics.jsonl"), encoding: .utf8)
    #expect(metrics.split(separator: "\n").allSatisfy { $0.contains("\"half_entropy\":") })
    let record = try #require(try RunRecord(ofRun: url))
    #expect(record.steps.map { $0.terms[Self.half] } == steps.map { $0.terms[Self.half] })
    let last = try #require(record.manifest.result?.lastValidation)
    #expect(last == summary.lastValidation && last.terms[Self.half] == last.crossEntropy / 2)
    #expect(last.terms == record.evaluations.last?.terms)
  }
}
