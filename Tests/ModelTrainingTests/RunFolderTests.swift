import DurableFiles
import Foundation
import LanguageModels
import ModelFiles
import ModelTraining
import TensorCore
import TestSupport
import Testing

@Suite struct RunFolderTests {
  @Test func aFinishedRunHasEverythingInItsPlace() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("runs/first")
    let model = Small.model()
    var recipe = Small.recipe(steps: 9)
    (recipe.checkpointEvery, recipe.keptCheckpoints) = (2, 3)
    var checkpoints: [Int] = []
    let summary = try Trainer(
      model: model, objective: CrossEntropyObjective(), data: Small.text(), validation: Small.validation(100),
      recipe: recipe, folder: RunFolder(small: url)
    ).run { event in
      if case .checkpointed(let step, let url) = event {
        checkpoints.append(step)
        #expect(FileManager.default.fileExists(atPath: url.path))
      }
      return .continue
    }
    #expect(checkpoints == [2, 4, 6, 8, 9])
    let files = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.model"]
    let steps = ["step-00000006", "step-00000008", "step-00000009"].map { "checkpoints/" + $0 }
    #expect(
      try names(below: url)
        == (files + ["checkpoints", "metrics.jsonl", "recipe.yaml", "run.json"] + steps
        + steps.flatMap { step in (files + ["optimizer.safetensors", "state.json"]).map { "\(step)/\($0)" } })
        .sorted())
    #expect(try String(contentsOf: url.appendingPathComponent("recipe.yaml"), encoding: .utf8) == "steps: 30\n")
    for trained in [url, url.appendingPathComponent(steps[2])] {
      let read = try TransformerDecoder(contentsOf: trained, device: Device(threads: 1))
      #expect(try Small.weights(read) == Small.weights(model))
    }

    let manifest = try #require(try RunManifest(ofRun: url))
    #expect(manifest.version == "0")
    #expect(manifest.inputs == ["tokenizer": "abc", "objective": "cross-entropy"])
    #expect(manifest.parameters == ["total": 12, "non_embedding": 7])
    #expect(abs(manifest.created.timeIntervalSinceNow) < 600)
    let result = try #require(manifest.result)
    #expect(result.steps == 9)
    #expect(result.tokensSeen == 9 * 48)
    #expect(result.lastValidation?.step == 9)
    #expect(result.bestValidation == summary.bestValidation)
    #expect(result.seconds > 0)
    #expect(try #require(result.peakMemoryBytes) > 1 << 20)
  }

  @Test func aFinishedRunIsNeverWrittenToAgain() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    let trainer = try Trainer(
      model: Small.model(), objective: CrossEntropyObjective(), data: Small.text(), recipe: Small.recipe(steps: 2),
      folder: RunFolder(small: url))
    try trainer.run()
    func contents() throws -> [String: Data] {
      let files = try names(below: url).filter { !url.appendingPathComponent($0).hasDirectoryPath }
      return Dictionary(
        uniqueKeysWithValues: files.compactMap { name in
          (try? Data(contentsOf: url.appendingPathComponent(name))).map { (name, $0) }
        })
    }
    let before = try contents()
    #expect(before["model.safetensors"] != nil)
    #expect(try trainer.run().isComplete)
    #expect(throws: TrainingError.alreadyFinished(folder: url.path)) { try RunFolder(small: url, resuming: true) }
    #expect(throws: TrainingError.outputExists(folder: url.path)) { try RunFolder(small: url) }
    #expect(try contents() == before)
  }

  /// A kill between the last checkpoint and the end of the run.
  @Test func aRunWithAllStepsDoneIsOnlyFinished() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    let manifest = url.appendingPathComponent("run.json")
    func trainer(_ run: RunFolder) throws -> Trainer {
      try Trainer(
        model: Small.model(), objective: CrossEntropyObjective(), data: Small.text(), validation: Small.validation(100),
        recipe: Small.recipe(steps: 4), folder: run)
    }
    let run = try RunFolder(small: url)
    let unfinished = try Data(contentsOf: manifest)
    let summary = try trainer(run).run()
    let weights = try Data(contentsOf: url.appendingPathComponent("model.safetensors"))
    try unfinished.write(to: manifest)
    try FileManager.default.removeItem(at: url.appendingPathComponent("model.safetensors"))

    var steps = 0
    let resumed = try trainer(RunFolder(small: url, resuming: true)).run { event in
      if case .step = event { steps += 1 }
      return .continue
    }
    #expect(steps == 0)
    #expect(resumed.isComplete)
    #expect(resumed.lastValidation == summary.lastValidation)
    #expect(try Data(contentsOf: url.appendingPathComponent("model.safetensors")) == weights)
    #expect(throws: TrainingError.alreadyFinished(folder: url.path)) { try RunFolder(small: url, resuming: true) }
  }

  @Test func whatExistsIsNotOverwritten() throws {
    let folder = try TemporaryFolder()
    try Data("precious".utf8).write(to: folder.file("file"))
    try FileManager.default.createDirectory(at: folder.file("folder"), withIntermediateDirectories: false)
    for name in ["file", "folder"] {
      let error = #expect(throws: TrainingError.outputExists(folder: folder.file(name).path)) {
        try RunFolder(small: folder.file(name))
      }
      #expect(
        error?.description == "\(folder.file(name).path): exists already and will not be overwritten; "
          + "choose another output, or continue that run with --resume")
    }
    #expect(try Data(contentsOf: folder.file("file")) == Data("precious".utf8))
    #expect(try names(below: folder.url) == ["file", "folder"])
  }

  @Test func whatAKilledProcessLeftInMakingTheFolderIsRemoved() throws {
    let folder = try TemporaryFolder()
    // Linux has no process ids that high.
    let (dead, alive) = ("4999999", "\(ProcessInfo.processInfo.processIdentifier)")
    let others = [
      ".other.\(dead)-a1.partial", ".run.v2.\(dead)-a1.partial", ".run.\(alive)-a1.partial", ".run.text", "run2",
    ]
    for name in others { try Data().write(to: folder.file(name)) }
    for resuming in [false, true] {
      let leftover = folder.file(".run.\(dead)-a1.partial")
      try FileManager.default.createDirectory(at: leftover, withIntermediateDirectories: false)
      try Data("{".utf8).write(to: leftover.appendingPathComponent("run.json"))
      _ = try RunFolder(small: folder.file("run"), resuming: resuming)
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
      #expect(names.sorted() == (others + ["run"]).sorted())
    }
  }

  @Test func aPlaceThatCannotBeWrittenIsNamed() throws {
    let folder = try TemporaryFolder()
    try Data().write(to: folder.file("file"))
    let error = #expect(throws: TrainingError.self) { try RunFolder(small: folder.file("file/run")) }
    guard case .file(.unwritable(let file, _))? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(file == folder.file("file/run").path)
  }

  /// What the process that has the lock does to the manifest meanwhile, nobody else sees.
  @Test func aRunIsLockedBeforeItIsRead() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    let run = try RunFolder(small: url)
    try Data("{".utf8).write(to: url.appendingPathComponent("run.json"))
    let error = #expect(throws: TrainingError.self) { try RunFolder(small: url, resuming: true) }
    #expect(try #require(error).description.contains("is being written by process "))
    withExtendedLifetime(run) {}
  }

  @Test func aRunCanBeLookedAtWithoutOpeningIt() throws {
    let folder = try TemporaryFolder()
    #expect(try RunManifest(ofRun: folder.url) == nil)
    #expect(RunFolder.newestCheckpoint(ofRun: folder.url) == nil)
    let url = folder.file("run")
    let run = try RunFolder(small: url)
    #expect(try RunManifest(ofRun: url)?.result == nil)
    #expect(RunFolder.newestCheckpoint(ofRun: url) == nil)
    var recipe = Small.recipe(steps: 9)
    recipe.checkpointEvery = 2
    try Trainer(
      model: Small.model(), objective: CrossEntropyObjective(), data: Small.text(), recipe: recipe, folder: run
    ).run { event in
      if case .step(let step) = event, step.number == 5 { return .stop }
      return .continue
    }
    let newest = try #require(RunFolder.newestCheckpoint(ofRun: url))
    #expect(newest.step == 5)
    #expect(newest.url.path == run.checkpointURL(step: 5).path)
    _ = try FrozenDecoder(contentsOf: newest.url)
  }

  @Test func onlyARunCanBeContinued() throws {
    let folder = try TemporaryFolder()
    for name in ["", "nowhere"] {
      let url = name.isEmpty ? folder.url : folder.file(name)
      let error = #expect(throws: TrainingError.self) { try RunFolder(small: url, resuming: true) }
      #expect(
        error
          == .file(
            .missing(
              file: url.appendingPathComponent("run.json").path,
              advice: "this is no run that could be continued; start it without --resume")))
    }
    try Data("{".utf8).write(to: folder.file("run.json"))
    let error = #expect(throws: TrainingError.self) { try RunFolder(small: folder.url, resuming: true) }
    #expect(error?.description.hasPrefix(folder.file("run.json").path) == true)
  }
}
