import DurableFiles
import Foundation
import LanguageModels
import ModelFiles
import ModelTraining
import TestSupport
import Testing

/// Runs that go on with another one, and runs that are looked at or stopped while they go on.
@Suite struct ContinuationTests {
  private func trainer(
    _ url: URL, steps: Int, model: TransformerDecoder = Small.model(), resuming: Bool = false,
    continuing: RunContinuation? = nil, change: (inout TrainingRecipe) -> Void = { _ in }
  ) throws -> Trainer {
    var recipe = Small.recipe(steps: steps)
    (recipe.decay, recipe.warmupSteps) = (.constant, 0)
    change(&recipe)
    return try Trainer(
      model: model, objective: CrossEntropyObjective(), data: Small.text(), recipe: recipe,
      folder: RunFolder(small: url, resuming: resuming), continuing: continuing)
  }

  /// With a constant rate, two halves are the whole: weights, moments, their bias correction and the text go on.
  @Test func aContinuedRunGoesOnWhereTheOtherStopped() throws {
    let folder = try TemporaryFolder()
    try trainer(folder.file("whole"), steps: 12).run()
    try trainer(folder.file("first"), steps: 7).run()
    let first = try RunContinuation(ofRun: folder.file("first"))
    #expect(first.step == 7)
    #expect(first.sequencesRead == 28)
    #expect(first.tokensSeen == 7 * 48)
    #expect(first.description == "weights and optimiser after step 7, 28 sequences read")
    let model = try TransformerDecoder(contentsOf: first.model)
    var losses: [Double] = []
    let summary = try trainer(folder.file("second"), steps: 5, model: model, continuing: first).run { event in
      if case .step(let step) = event { losses.append(step.loss) }
      return .continue
    }
    #expect(summary.steps == 5)
    #expect(summary.isComplete)
    func weights(_ name: String) throws -> Data { try Data(contentsOf: folder.file("\(name)/model.safetensors")) }
    #expect(try weights("second") == weights("whole"))
    let whole = try #require(try RunRecord(ofRun: folder.file("whole")))
    #expect(losses == whole.steps.dropFirst(7).map(\.loss))
  }

  @Test func anInterruptedContinuationIsResumedBitForBit() throws {
    let folder = try TemporaryFolder()
    try trainer(folder.file("first"), steps: 4).run()
    let first = try RunContinuation(ofRun: folder.file("first"))
    func begin(_ name: String, resuming: Bool = false) throws -> Trainer {
      try trainer(
        folder.file(name), steps: 6, model: TransformerDecoder(contentsOf: first.model), resuming: resuming,
        continuing: first)
    }
    try begin("straight").run()
    try begin("stopped").run { event in
      if case .step(let step) = event, step.number == 3 { return .stop }
      return .continue
    }
    #expect(try begin("stopped", resuming: true).run().isComplete)
    #expect(
      try Data(contentsOf: folder.file("stopped/model.safetensors"))
        == Data(contentsOf: folder.file("straight/model.safetensors")))
  }

  @Test func whatHasNoWeightsCannotBeContinued() throws {
    let folder = try TemporaryFolder()
    #expect(throws: TrainingError.self) { try RunContinuation(ofRun: folder.url) }
    _ = try RunFolder(small: folder.file("begun"))
    let error = #expect(throws: TrainingError.self) { try RunContinuation(ofRun: folder.file("begun")) }
    #expect(error?.description.contains("the run has no weights yet") == true)
    // a finished run without its checkpoints gives its weights alone
    try trainer(folder.file("run"), steps: 2).run()
    try FileManager.default.removeItem(at: folder.file("run/checkpoints"))
    let bare = try RunContinuation(ofRun: folder.file("run"))
    #expect(bare.description == "weights after step 2")
    #expect(bare.sequencesRead == nil)
    let model = try TransformerDecoder(contentsOf: bare.model)
    #expect(try trainer(folder.file("next"), steps: 2, model: model, continuing: bare).run().isComplete)
  }

  @Test func anotherTextOrSeedBeginsAtItsBeginning() throws {
    let folder = try TemporaryFolder()
    try trainer(folder.file("first"), steps: 3).run()
    let first = try RunContinuation(ofRun: folder.file("first"))
    func firstLoss(_ name: String, _ change: @escaping (inout TrainingRecipe) -> Void) throws -> Double? {
      var loss: Double?
      let model = try TransformerDecoder(contentsOf: first.model)
      let trainer = try trainer(folder.file(name), steps: 1, model: model, continuing: first, change: change)
      try trainer.run { event in
        if case .step(let step) = event { loss = step.loss }
        return .continue
      }
      return loss
    }
    let (same, other) = (try firstLoss("same") { _ in }, try firstLoss("other") { $0.seed = 10 })
    #expect(same != nil && other != nil && same != other)
  }

  @Test func aRunThatGoesOnIsNotOpenedAgainButCanBeRead() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    let trainer = try trainer(url, steps: 3)
    try trainer.run { event in
      guard case .step = event else { return .continue }
      #expect(throws: TrainingError.self) { try RunFolder(small: url, resuming: true) }
      let record = try? RunRecord(ofRun: url)
      #expect(record?.steps.isEmpty == false)
      return .continue
    }
    #expect(!FileManager.default.fileExists(atPath: url.appendingPathComponent(".lock").path))
  }

  /// Step 2 is given up after its first micro-batch of two; the weights are those after step 1.
  @Test func aStepThatIsGivenUpIsRepeated() throws {
    let folder = try TemporaryFolder()
    try trainer(folder.file("straight"), steps: 4).run()
    var parts: [StepProgress] = []
    let stopped = try trainer(folder.file("run"), steps: 4).run { event in
      guard case .computing(let progress) = event else { return .continue }
      parts.append(progress)
      return progress.number == 2 && progress.sequencesDone == 2 ? .stop : .continue
    }
    #expect(parts.filter { $0.number == 1 }.map(\.sequencesDone) == [0, 0, 0, 2])
    #expect(stopped.steps == 1)
    #expect(!stopped.isComplete)
    #expect(RunFolder.newestCheckpoint(ofRun: folder.file("run"))?.step == 1)
    #expect(try trainer(folder.file("run"), steps: 4, resuming: true).run().isComplete)
    #expect(
      try Data(contentsOf: folder.file("run/model.safetensors"))
        == Data(contentsOf: folder.file("straight/model.safetensors")))
  }

  @Test func aStopBeforeTheFirstStepLeavesNoCheckpoint() throws {
    let folder = try TemporaryFolder()
    let summary = try trainer(folder.file("run"), steps: 4).run { _ in .stop }
    #expect(summary.steps == 0)
    #expect(RunFolder.newestCheckpoint(ofRun: folder.file("run")) == nil)
    #expect(try trainer(folder.file("run"), steps: 4, resuming: true).run().isComplete)
  }

  @Test func theSummaryTellsWhetherARunDiverged() throws {
    let folder = try TemporaryFolder()
    let calm = try trainer(folder.file("calm"), steps: 10).run()
    let (first, last) = (try #require(calm.firstStep), try #require(calm.lastStep))
    #expect((first.step, last.step) == (1, 10))
    #expect(last.loss < first.loss)
    #expect(!calm.hasDiverged)
    let wild = try trainer(folder.file("wild"), steps: 10) { $0.learningRate = 3 }.run()
    #expect(wild.hasDiverged)
    // of a harder batch the cross-entropy is higher, though the student is closer to its teacher
    var harder = wild
    harder.lastStep?.loss = try #require(wild.firstStep?.loss) - 0.1
    #expect(!harder.hasDiverged)
    // what a resumed run tells is what the whole run did
    try trainer(folder.file("stopped"), steps: 10).run { event in
      if case .step(let step) = event, step.number == 4 { return .stop }
      return .continue
    }
    let resumed = try trainer(folder.file("stopped"), steps: 10, resuming: true).run()
    #expect(resumed.firstStep == first && resumed.lastStep == last)
  }
}
