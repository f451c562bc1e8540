import Foundation
import LanguageModels
import ModelFiles
import ModelTraining
import TensorCore
import TestSupport
import Testing

@Suite struct ResumeTests {
  private var recipe: TrainingRecipe {
    var recipe = Small.recipe(steps: 30)
    (recipe.evaluateEvery, recipe.checkpointEvery) = (7, 5)
    return recipe
  }

  private func trainer(
    _ folder: RunFolder, model: TransformerDecoder = Small.model(),
    objective: any TrainingObjective = CrossEntropyObjective(),
    recipe: TrainingRecipe? = nil, data: PackedSequences? = nil, validation: ValidationText? = nil
  ) throws -> Trainer {
    try Trainer(
      model: model, objective: objective, data: try data ?? Small.text(),
      validation: try validation ?? Small.validation(100, seed: 6), recipe: recipe ?? self.recipe, folder: folder)
  }

  /// The final model file of a run, and its metrics without the times.
  private func result(_ url: URL) throws -> (weights: Data, metrics: [NSDictionary]) {
    let text = try String(contentsOf: url.appendingPathComponent("metrics.jsonl"), encoding: .utf8)
    #expect(text.hasSuffix("\n"))
    let metrics = try text.split(separator: "\n").map { line in
      var object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      for key in ["seconds", "tokens_per_second"] { object[key] = nil }
      return object as NSDictionary
    }
    return (try Data(contentsOf: url.appendingPathComponent("model.safetensors")), metrics)
  }

  private func straight(_ folder: TemporaryFolder) throws -> (weights: Data, metrics: [NSDictionary]) {
    let url = folder.file("straight")
    try trainer(RunFolder(small: url)).run()
    return try result(url)
  }

  @Test(arguments: [4, 15, 21, 29, 30])
  func aStoppedRunContinuesBitForBit(_ stop: Int) throws {
    let folder = try TemporaryFolder()
    let expected = try straight(folder)
    #expect(expected.metrics.count == 30 + 5)
    let url = folder.file("run")
    let stopped = try trainer(RunFolder(small: url)).run { event in
      if case .step(let step) = event, step.number == stop { return .stop }
      return .continue
    }
    #expect(stopped.steps == stop)
    // the evaluation after the last step is left to whoever goes on
    #expect(!stopped.isComplete)
    #expect(!FileManager.default.fileExists(atPath: url.appendingPathComponent("model.safetensors").path))
    // other weights to begin with, and another number of threads, must not matter
    var resumedAt: Int?
    let summary = try trainer(
      RunFolder(small: url, resuming: true), model: Small.model(seed: 99, threads: 3)
    ).run { event in
      if case .resumed(let step) = event { resumedAt = step }
      return .continue
    }
    #expect(resumedAt == stop)
    #expect(summary.isComplete)
    #expect(summary.tokensSeen == 30 * 48)
    let found = try result(url)
    #expect(found.weights == expected.weights)
    #expect(found.metrics == expected.metrics)
  }

  /// Step 18 fails, which leaves what a kill there would: metrics of 17 steps, and checkpoints of 10 and 15.
  @Test func aCrashedRunContinuesFromItsLastCheckpointBitForBit() throws {
    let folder = try TemporaryFolder()
    let expected = try straight(folder)
    let url = folder.file("run")
    let objective = SpoiltObjective(call: 2 * 18, spoil: .loss(.nan))
    #expect(throws: TrainingError.notFinite(step: 18, quantity: "loss", value: "nan", tensor: nil)) {
      try trainer(RunFolder(small: url), objective: objective).run()
    }
    let checkpoints = url.appendingPathComponent("checkpoints")
    #expect(try names(below: checkpoints).filter { !$0.contains("/") } == ["step-00000010", "step-00000015"])
    // half a line, and half a checkpoint of a process that is gone
    let handle = try FileHandle(forWritingTo: url.appendingPathComponent("metrics.jsonl"))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(#"{"kind":"st"#.utf8))
    try handle.close()
    let remains = checkpoints.appendingPathComponent(".step-00000020.4999999-abc.partial")
    try FileManager.default.createDirectory(at: remains, withIntermediateDirectories: false)

    var resumedAt: Int?
    try trainer(RunFolder(small: url, resuming: true), model: Small.model(seed: 99)).run { event in
      if case .resumed(let step) = event { resumedAt = step }
      return .continue
    }
    #expect(resumedAt == 15)
    let found = try result(url)
    #expect(found.weights == expected.weights)
    #expect(found.metrics == expected.metrics)
    #expect(!FileManager.default.fileExists(atPath: remains.path))
  }

  @Test func aRunThatCrashedBeforeItsFirstCheckpointBeginsAgain() throws {
    let folder = try TemporaryFolder()
    let expected = try straight(folder)
    let url = folder.file("run")
    let objective = SpoiltObjective(call: 2 * 4, spoil: .loss(.nan))
    #expect(throws: TrainingError.self) { try trainer(RunFolder(small: url), objective: objective).run() }
    var events = 0
    try trainer(RunFolder(small: url, resuming: true)).run { event in
      if case .resumed = event { events += 1 }
      return .continue
    }
    #expect(events == 0)
    let found = try result(url)
    #expect(found.weights == expected.weights)
    #expect(found.metrics == expected.metrics)
  }

  @Test func anIncompleteCheckpointIsPassedOverAndReplaced() throws {
    let folder = try TemporaryFolder()
    let expected = try straight(folder)
    let url = folder.file("run")
    try trainer(RunFolder(small: url)).run { event in
      if case .checkpointed(15, _) = event { return .stop }
      return .continue
    }
    let newest = try #require(RunFolder.newestCheckpoint(ofRun: url))
    #expect(newest.step == 15)
    try FileManager.default.removeItem(at: newest.url.appendingPathComponent("state.json"))
    #expect(RunFolder.newestCheckpoint(ofRun: url)?.step == 10)
    try trainer(RunFolder(small: url, resuming: true)).run()
    #expect(try result(url).weights == expected.weights)
  }

  @Test func resumingTwiceIsAsGoodAsOnce() throws {
    let folder = try TemporaryFolder()
    let expected = try straight(folder)
    let url = folder.file("run")
    for attempt in 0..<4 {
      let run = try RunFolder(small: url, resuming: attempt > 0)
      try trainer(run, model: Small.model(seed: UInt64(attempt + 1))).run { event in
        if case .step(let step) = event, step.number % 8 == 0 { return .stop }
        return .continue
      }
    }
    #expect(try result(url).metrics == expected.metrics)
    #expect(try result(url).weights == expected.weights)
  }

  private func stopped(_ url: URL, recipe: TrainingRecipe? = nil) throws {
    try trainer(RunFolder(small: url), recipe: recipe).run { event in
      if case .step(let step) = event, step.number == 6 { return .stop }
      return .continue
    }
  }

  private func refusal(_ error: TrainingError?) -> [String]? {
    guard case .cannotResume(_, let key, let begun, let now)? = error else { return nil }
    return [key, begun, now]
  }

  @Test func anotherRecipeIsRefusedByName() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    try stopped(url)
    let changes: [(key: String, begun: String, now: String, change: (inout TrainingRecipe) -> Void)] = [
      ("steps", "30", "31", { $0.steps = 31 }), ("batch-size", "4", "6", { $0.batchSize = 6 }),
      ("micro-batch-size", "2", "4", { $0.microBatchSize = nil }),
      ("learning-rate", "0.01", "0.02", { $0.learningRate = 0.02 }),
      ("minimum-learning-rate-ratio", "0.1", "0.0", { $0.minimumLearningRateRatio = 0 }),
      ("warmup-steps", "3", "4", { $0.warmupSteps = 4 }), ("schedule", "cosine", "linear", { $0.decay = .linear }),
      ("beta1", "0.9", "0.8", { $0.beta1 = 0.8 }), ("beta2", "0.95", "0.99", { $0.beta2 = 0.99 }),
      ("epsilon", "1e-08", "1e-06", { $0.epsilon = 1e-6 }), ("weight-decay", "0.1", "0.0", { $0.weightDecay = 0 }),
      ("gradient-clip", "1.0", "0.0", { $0.gradientClip = 0 }),
      ("student-weights", "float32", "q4_0", { $0.quantisedWeights = .q4_0 }), ("seed", "9", "10", { $0.seed = 10 }),
      ("ema-decay", "none", "0.9", { $0.averageDecay = 0.9 }),
    ]
    for (key, begun, now, change) in changes {
      var other = recipe
      change(&other)
      let error = #expect(throws: TrainingError.self) {
        try trainer(RunFolder(small: url, resuming: true), recipe: other).run()
      }
      #expect(refusal(error) == [key, begun, now])
    }
    // what is only measured or kept may change
    var other = recipe
    (other.evaluateEvery, other.checkpointEvery, other.keptCheckpoints) = (nil, nil, 1)
    #expect(try trainer(RunFolder(small: url, resuming: true), recipe: other).run().isComplete)
  }

  @Test func aConstantScheduleMayGoOnForLonger() throws {
    let folder = try TemporaryFolder()
    var long = recipe
    long.decay = .constant
    try trainer(RunFolder(small: folder.file("straight")), recipe: long).run()
    var short = long
    short.steps = 12
    try stopped(folder.file("run"), recipe: short)
    try trainer(RunFolder(small: folder.file("run"), resuming: true), recipe: long).run()
    let (expected, found) = (try result(folder.file("straight")), try result(folder.file("run")))
    #expect(found.weights == expected.weights)
    #expect(found.metrics == expected.metrics)
  }

  @Test func otherTextsInputsAndModelsAreRefusedByName() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    try stopped(url)
    func error(_ body: () throws -> Void) -> [String]? {
      let error = #expect(throws: TrainingError.self, performing: body)
      #expect(error?.description.contains(url.path) == true)
      return refusal(error).map { [$0[0]] }
    }
    func open() throws -> RunFolder { try RunFolder(small: url, resuming: true) }
    #expect(error { try trainer(open(), data: Small.text(seed: 7)).run() } == ["training_text"])
    #expect(error { try trainer(open(), data: Small.text(masked: { $0 % 7 == 4 })).run() } == ["training_text"])
    #expect(error { try trainer(open(), validation: Small.validation(100, seed: 8)).run() } == ["validation_text"])
    for inputs in [["tokenizer": "abd", "objective": "cross-entropy"], ["objective": "cross-entropy"]] {
      #expect(error { _ = try RunFolder(resuming: url, inputs: inputs) } == ["tokenizer"])
    }
    #expect(
      error {
        _ = try RunFolder(
          resuming: url, inputs: ["tokenizer": "abc", "objective": "cross-entropy", "teacher": "x"])
      } == ["teacher"])
    var configuration = Small.configuration
    configuration.attention[0].rotary?.base = 9_999
    let other = TransformerDecoder(configuration: configuration, seed: 1, device: Device(threads: 1))
    let weights = try Small.weights(other)
    #expect(error { try trainer(open(), model: other).run() } == ["a model of"])
    #expect(try Small.weights(other) == weights)
  }

  @Test func damagedCheckpointsAreNamed() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    try stopped(url)
    let checkpoint = try RunFolder(small: url, resuming: true).checkpointURL(step: 6)
    for name in ["optimizer.safetensors", "model.safetensors", "state.json"] {
      let file = checkpoint.appendingPathComponent(name)
      let content = try Data(contentsOf: file)
      try content.prefix(content.count / 2).write(to: file)
      let error = #expect(throws: TrainingError.self) { try trainer(RunFolder(small: url, resuming: true)).run() }
      guard case .damagedCheckpoint(checkpoint.path, let reason, 5?)? = error else {
        Issue.record("\(name): \(String(describing: error))")
        continue
      }
      #expect(reason.contains(file.path))
      #expect(
        error?.description.hasSuffix("delete that folder and resume again, and the run goes on after step 5") == true)
      try content.write(to: file)
    }
    // what the text says works, until there is nothing left to go on from
    try FileManager.default.removeItem(at: checkpoint)
    let before = try RunFolder(small: url, resuming: true).checkpointURL(step: 5)
    try Data().write(to: before.appendingPathComponent("optimizer.safetensors"))
    let error = #expect(throws: TrainingError.self) { try trainer(RunFolder(small: url, resuming: true)).run() }
    #expect(error?.description.hasSuffix("and the run begins anew, for there is no other") == true)
    try FileManager.default.removeItem(at: before)
    #expect(try trainer(RunFolder(small: url, resuming: true)).run().isComplete)
    #expect(try result(url).weights == straight(folder).weights)
  }
}
