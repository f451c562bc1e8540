import Foundation
import LanguageModels
import ModelEvaluation
import TensorCore
import TestSupport
import Testing
import Tokenization

@testable import ModelTraining

@Suite struct ValidationTextTests {
  private func rows(seed: UInt64 = 3) -> EvaluationText {
    let documents = (1..<25).map { length in
      TokenizedDocument(
        prompt: Small.tokens(length % 5 + 1, seed: seed).ids, completion: Small.tokens(length, seed: UInt64(length)).ids
      )
    }
    return EvaluationText(documents, beginningID: 1)
  }

  /// What training validates is what `Perplexity` measures, to the last bits of the sum.
  @Test func validationIsPerplexity() throws {
    let model = Small.model()
    let text = rows()
    let validation = try ValidationText(text, sequenceLength: 12, name: "held-out.txt")
    let trainer = try Trainer(
      model: model, objective: CrossEntropyObjective(), data: Small.text(), validation: validation,
      recipe: Small.recipe(steps: 3))
    let found = try #require(try trainer.run().lastValidation)
    let expected = try Perplexity(of: model, on: text, window: 12)
    #expect(found.tokens == expected.tokens)
    #expect(abs(found.crossEntropy - expected.natsPerToken) < 1e-12 * expected.natsPerToken)
  }

  @Test func progressIsToldAndAStopGivesUpTheEvaluation() throws {
    let validation = try Small.validation(9_000)
    var recipe = Small.recipe(steps: 2)
    recipe.evaluateEvery = 1
    let trainer = try Trainer(
      model: Small.model(), objective: CrossEntropyObjective(), data: Small.text(), validation: validation,
      recipe: recipe)
    var seen: [EvaluationProgress] = []
    let stopped = try trainer.run { event in
      if case .evaluating(let progress) = event {
        seen.append(progress)
        return .stop
      }
      return .continue
    }
    #expect(stopped.steps == 1 && !stopped.isComplete && stopped.lastValidation == nil)
    #expect(seen.count == 1 && seen[0].tokens < seen[0].totalTokens)
    #expect(seen[0].totalTokens == validation.countedTokens)
    var evaluated: [Int] = []
    let done = try trainer.run { event in
      if case .evaluated(let result) = event { evaluated.append(result.step) }
      return .continue
    }
    #expect(done.isComplete && evaluated == [1, 2])
  }

  /// A loss whose perplexity overflows, or that is no number, is written and read again, and the run goes on.
  @Test(arguments: [1500, .infinity, .nan] as [Double]) func lossesThatOverflowAreRecorded(_ loss: Double) throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    let summary = try Trainer(
      model: Small.model(), objective: SpoiltValidation(loss: loss), data: Small.text(),
      validation: Small.validation(100), recipe: Small.recipe(steps: 3), folder: RunFolder(small: url)
    ).run()
    #expect(summary.isComplete && summary.lastValidation?.perplexity.isFinite == false)
    let record = try #require(try RunRecord(ofRun: url))
    let line = try #require(record.evaluations.first)
    #expect(line.perplexity?.isFinite == false)
    #expect(line.crossEntropy == loss || !loss.isFinite && line.crossEntropy.isNaN)
    #expect(try String(contentsOf: url.appendingPathComponent("metrics.jsonl"), encoding: .utf8).contains(":null"))
    #expect(record.manifest.result?.lastValidation != nil)
  }

  @Test func theDigestIsOfAllThatIsMeasured() throws {
    let text = rows()
    func digest(_ text: EvaluationText, length: Int = 12) throws -> String {
      try ValidationText(text, sequenceLength: length, name: "x").digest()
    }
    let digests = try [
      digest(text), digest(text, length: 8), digest(rows(seed: 4)),
      digest(EvaluationText(text.documents.map { TokenizedDocument($0.ids) }, beginningID: 1)),
      digest(EvaluationText(text.documents, beginningID: 2)),
    ]
    #expect(Set(digests).count == digests.count)
    #expect(try digest(rows()) == digests[0])
  }

  @Test func anIDOutsideTheVocabularyIsRefusedBeforeTheFirstStep() throws {
    let foreign = try ValidationText(
      EvaluationText(documents: [[3, 31]], beginningID: 1), sequenceLength: 12, name: "foreign.txt")
    let error = #expect(throws: TrainingError.self) {
      try Trainer(
        model: Small.model(), objective: CrossEntropyObjective(), data: Small.text(), validation: foreign,
        recipe: Small.recipe(steps: 1))
    }
    #expect(error?.description.contains("foreign.txt: token id: expected 0 to 30") == true)
    #expect(throws: TrainingError.self) {
      try ValidationText(EvaluationText(documents: [[3]]), sequenceLength: 12, name: "no BOS")
    }
  }
}

/// Finds a loss of its own on the validation text.
private struct SpoiltValidation: TrainingObjective {
  let loss: Double

  func accumulateGradients(
    of model: TransformerDecoder, on batch: TokenBatch, at position: StepPosition, scale: Double
  ) -> LossSums {
    CrossEntropyObjective().accumulateGradients(of: model, on: batch, at: position, scale: scale)
  }

  func measure(_ model: any DecoderModel, on batch: TokenBatch, at position: StepPosition) -> LossSums {
    let sum = loss * Double(batch.countedTokens)
    return LossSums(tokens: batch.countedTokens, loss: sum, crossEntropy: sum)
  }
}
