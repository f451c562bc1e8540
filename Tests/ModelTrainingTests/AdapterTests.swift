import DurableFiles
import Foundation
import LanguageModels
import ModelFiles
import ModelTraining
import TensorCore
import TestSupport
import Testing

/// Low-rank adapters against PEFT in float64 (Tests/Fixtures/make_adapter_fixtures.py), and runs that train them.
@Suite struct AdapterTests {
  static let fixtures = ["gqa", "ernie4_5", "phi3", "gemma3_text"].map { "adapters/\($0)" }

  /// The adapters of a fixture on their base, to be trained.
  private func trainable(_ fixture: ModelFixture, on device: Device) throws -> TransformerDecoder {
    let model = try AdaptedModel(contentsOf: fixture.folder)
    let decoder = model.configuration
    return try TransformerDecoder(
      configuration: decoder, adapters: model.adapters.adapters(of: decoder, trainable: true, on: device),
      device: device
    ) { role, shape in try model.base.weight(role, expecting: shape, on: device) }
  }

  @Test(arguments: fixtures, MatrixBackendKind.available)
  func logitsAndGradientsAreThoseOfPEFT(_ name: String, kind: MatrixBackendKind) throws {
    let fixture = try ModelFixture(name)
    let device = try Device(threads: 2, backend: kind)
    let expected = fixture.expected
    let (logits, batch) = (
      try fixture.doubles("logits"),
      TokenBatch(ids: expected.flatIDs, targets: expected.targets, batchSize: expected.batchSize)
    )
    let stored = try openModel(at: fixture.folder)
    let (apart, merged) = (
      try FrozenDecoder(apart: stored, device: device), try FrozenDecoder(stored, device: device)
    )
    #expect(apart.adapters != nil && merged.adapters == nil)
    for decoder in [apart, merged, apart.frozen(precision: .float32), merged.frozen(isConstant: true)] {
      let hidden = decoder.hiddenStates(expected.flatIDs, batchSize: expected.batchSize)
      #expect(relativeError(decoder.logits(hidden).array(), logits) < 5e-6)
    }
    let model = try trainable(fixture, on: device)
    let sums = CrossEntropyObjective().accumulateGradients(
      of: model, on: batch, at: .only, scale: 1 / Double(expected.countedTokens))
    #expect(abs(sums.perToken.loss / (try #require(expected.loss)) - 1) < 1e-6)
    #expect(!model.parameters.isTrainable && model.trained.isTrainable)
    // as files hold them, so that names and rows are those of PEFT
    let folder = try TemporaryFolder()
    let adapters = try #require(model.adapters)
    let gradients = try DecoderAdapters(
      adapters.configuration, base: adapters.base, of: model.configuration, trainable: false, on: device
    ) { factor, _ in
      try #require(adapters.factors.first { $0.factor == factor }?.parameter.gradient)
    }
    let shell = try FrozenDecoder(configuration: model.configuration, adapters: gradients, device: device) {
      role, shape in try stored.weight(role, expecting: shape, on: device)
    }
    try shell.writeAdapters(to: folder.url)
    let written = try SafetensorsFile(contentsOf: folder.file("adapter_model.safetensors"))
    let names = fixture.tensors.names.filter { $0.hasPrefix("grad.") }
    #expect(names.count == written.names.count && !names.isEmpty)
    for tensor in names {
      let error = relativeError(try written.floats(String(tensor.dropFirst(5))), try fixture.doubles(tensor))
      #expect(error < 1e-4, "\(tensor): \(error)")
    }
  }

  @Test(arguments: fixtures) func tenStepsAreThoseOfPyTorch(_ name: String) throws {
    let fixture = try ModelFixture(name)
    let expected = fixture.expected
    let model = try trainable(fixture, on: Device(threads: 1))
    let counted: [Bool] = expected.labels.flatMap { labels in [false] + labels.dropFirst().map { $0 >= 0 } }
    let text = try PackedSequences(
      TokenArray(expected.flatIDs + [0], counted: counted + [false]), sequenceLength: expected.ids[0].count, name: name)
    let recipe = TrainingRecipe(
      steps: 10, batchSize: expected.batchSize, sequenceLength: expected.ids[0].count,
      learningRate: try #require(expected.adamwLearningRate), decay: .constant,
      weightDecay: try #require(expected.adamwWeightDecay))
    var losses: [Double] = []
    try Trainer(model: model, objective: CrossEntropyObjective(), data: text, recipe: recipe).run { event in
      if case .step(let step) = event { losses.append(step.loss) }
      return .continue
    }
    for (found, exact) in zip(losses, try #require(expected.adamwLosses)) { #expect(abs(found / exact - 1) < 1e-4) }
    #expect(losses.count == 10)
  }

  @Test(arguments: fixtures) func bfloat16RoundsFactorsToo(_ name: String) throws {
    let fixture = try ModelFixture(name)
    let stored = try openModel(at: fixture.folder)
    let ids = fixture.expected.flatIDs
    func logits(_ decoder: FrozenDecoder) -> [Float] {
      decoder.logits(decoder.hiddenStates(ids, batchSize: fixture.expected.batchSize)).array()
    }
    let rounded = logits(try FrozenDecoder(apart: stored, precision: .bfloat16))
    let error = relativeError(rounded, try fixture.doubles("logits"))
    #expect(error < 0.05 && error > 1e-4)
    #expect(rounded == logits(try FrozenDecoder(apart: stored).frozen(precision: .bfloat16)))
  }

  /// B is 0: the model begins as its base, and A is drawn from ±1/√I by the seed.
  @Test func freshAdaptersChangeNothing() throws {
    let folder = try TemporaryFolder()
    let base = Small.model()
    try base.write(to: folder.file("base"))
    let stored = try openModel(at: folder.file("base"))
    let model = try TransformerDecoder(adapting: stored, rank: 3, seed: 4)
    let ids: [Int32] = [1, 5, 9, 2]
    #expect(
      model.hiddenStates(ids, batchSize: 1).array() == base.frozen().hiddenStates(ids, batchSize: 1).array())
    let adapters = try #require(model.adapters)
    #expect(adapters.configuration.scale == 32 / 3 && adapters.configuration.alpha == 32)
    #expect(adapters.factors.count == 2 * 14 && adapters.parameters.count == model.trained.count)
    for (factor, parameter) in adapters.factors {
      let values = parameter.value.array()
      switch factor {
      case .up: #expect(values.allSatisfy { $0 == 0 })
      case .down:
        let limit = 1 / Float(parameter.shape[1]).squareRoot()
        #expect(values.allSatisfy { abs($0) <= limit } && values.contains { abs($0) > 0.7 * limit })
        #expect(values.contains { $0 < 0 } && values.contains { $0 > 0 })
      }
    }
    let (same, other) = try (
      TransformerDecoder(adapting: stored, rank: 3, seed: 4), TransformerDecoder(adapting: stored, rank: 3, seed: 5)
    )
    #expect(same.trained.values?.array() == model.trained.values?.array())
    #expect(other.trained.values?.array() != model.trained.values?.array())
  }

  /// Threads that take whole sequences through all layers find the adapters, too.
  @Test func anyNumberOfThreadsGivesTheSameBits() throws {
    let configuration = DecoderConfiguration(
      vocabularySize: 300, hiddenSize: 48, feedForwardSize: 560, layerCount: 2, headCount: 4, keyValueHeadCount: 2,
      contextLength: 128, tiesEmbeddings: true, initializerRange: 0.2)
    let folder = try TemporaryFolder()
    try TransformerDecoder(configuration: configuration, seed: 1).write(to: folder.file("base"), as: .bfloat16)
    let base = try openModel(at: folder.file("base"))
    var generator = SeededGenerator(seed: 2)
    let ids = (0..<16 * 128).map { _ in Int32.random(in: 0..<300, using: &generator) }
    let found = try [1, 2, 3].map { threads in
      let model = try TransformerDecoder(adapting: base, rank: 3, seed: 4, device: Device(threads: threads))
      for parameter in model.trained.parameters {
        parameter.value.withMutableSpan { values in
          for index in values.indices { values[index] += Float(index % 5 - 2) / 50 }
        }
      }
      return [model.frozen(isConstant: true), model.frozen()].map { $0.hiddenStates(ids, batchSize: 16).array() }
        + [model.hiddenStates(ids, batchSize: 16).array()]
    }
    #expect(found.allSatisfy { $0.allSatisfy { $0 == found[0][0] } })
    let plain = try FrozenDecoder(base).hiddenStates(ids, batchSize: 16).array()
    #expect(plain != found[0][0])
  }

  /// What lies below the first adapter records nothing.
  @Test func layersBelowTheFirstAdapterNeedNoGradient() throws {
    let folder = try TemporaryFolder()
    try Small.model().write(to: folder.file("base"))
    let base = try openModel(at: folder.file("base"))
    let last = AdapterConfiguration(
      rank: 2, alpha: 4, modules: [AdaptedModule(layer: 1, matrices: [.down])])
    let adapters = DecoderAdapters(
      last, base: AdapterBase(path: "base", digest: nil), of: base.configuration, seed: 1, on: .shared)
    let model = try TransformerDecoder(configuration: base.configuration, adapters: adapters) { role, shape in
      try base.weight(role, expecting: shape, on: .shared)
    }
    var recorded: [ActivationSite: Bool] = [:]
    let hidden = model.hiddenStates([1, 5, 9, 2], batchSize: 1) { recorded[$0] = $1.recordsGradient }
    #expect(hidden.recordsGradient && recorded[.layerOutput(layer: 1)] == true)
    #expect(recorded[.layerOutput(layer: 0)] == false && recorded[.neurons(layer: 1)] == false)
  }

  // MARK: - Runs

  private func trainer(
    _ folder: RunFolder, on base: URL, seed: UInt64 = 4, rank: Int = 2, steps: Int = 12, threads: Int = 1,
    continuing: RunContinuation? = nil, change: (inout TrainingRecipe) -> Void = { _ in }
  ) throws -> Trainer {
    var recipe = Small.recipe(steps: steps)
    (recipe.evaluateEvery, recipe.checkpointEvery, recipe.decay, recipe.warmupSteps) = (7, 5, .constant, 0)
    change(&recipe)
    return try Trainer(
      model: TransformerDecoder(
        adapting: openModel(at: base), rank: rank, seed: seed, device: Device(threads: threads)),
      objective: CrossEntropyObjective(), data: Small.text(), validation: Small.validation(100, seed: 6),
      recipe: recipe, folder: folder, continuing: continuing)
  }

  private func factors(_ url: URL) throws -> Data {
    try Data(contentsOf: url.appendingPathComponent("adapter_model.safetensors"))
  }

  @Test(arguments: [3, 5, 11]) func aStoppedRunContinuesBitForBit(_ stop: Int) throws {
    let folder = try TemporaryFolder()
    let base = folder.file("base")
    try Small.model().write(to: base, as: .bfloat16)
    try trainer(RunFolder(small: folder.file("straight")), on: base).run()
    let url = folder.file("run")
    try trainer(RunFolder(small: url), on: base).run { event in
      if case .step(let step) = event, step.number == stop { return .stop }
      return .continue
    }
    let summary = try trainer(RunFolder(small: url, resuming: true), on: base, seed: 99, threads: 3).run()
    #expect(summary.isComplete)
    #expect(try factors(url) == factors(folder.file("straight")))
    // adapters alone, the base as a digest and a place
    let checkpoint = try #require(RunFolder.newestCheckpoint(ofRun: url)).url
    #expect(
      try names(below: checkpoint) == [
        "adapter_config.json", "adapter_model.safetensors", "optimizer.safetensors", "state.json", "tokenizer.model",
      ])
    let moments = try SafetensorsFile(contentsOf: checkpoint.appendingPathComponent("optimizer.safetensors"))
    let written = try SafetensorsFile(contentsOf: checkpoint.appendingPathComponent("adapter_model.safetensors"))
    #expect(moments["first_moment"]?.shape == [written.entries.reduce(0) { $0 + $1.count }])
    #expect(try AdaptedModel(contentsOf: url).base.url.path == base.standardizedFileURL.path)
  }

  @Test func aRunIsContinuedWithItsAdapters() throws {
    let folder = try TemporaryFolder()
    let base = folder.file("base")
    try Small.model().write(to: base)
    try trainer(RunFolder(small: folder.file("whole")), on: base).run()
    try trainer(RunFolder(small: folder.file("first")), on: base, steps: 7).run()
    let first = try RunContinuation(ofRun: folder.file("first"))
    #expect(try first.digest != openModel(at: base).digest)
    try trainer(RunFolder(small: folder.file("second")), on: first.model, steps: 5, continuing: first).run()
    #expect(try factors(folder.file("second")) == factors(folder.file("whole")))
  }

  @Test func otherAdaptersAreRefused() throws {
    let folder = try TemporaryFolder()
    let base = folder.file("base")
    try Small.model().write(to: base)
    let url = folder.file("run")
    try trainer(RunFolder(small: url), on: base).run { event in
      if case .step(let step) = event, step.number == 3 { return .stop }
      return .continue
    }
    #expect {
      try trainer(RunFolder(small: url, resuming: true), on: base, rank: 3).run()
    } throws: { error in
      guard case .cannotResume(_, "adapters", let begun, let now) = error as? TrainingError else { return false }
      return begun.hasPrefix("rank 2,") && now.hasPrefix("rank 3,")
    }
    let checkpoint = try #require(RunFolder.newestCheckpoint(ofRun: url)).url
    #expect {
      try TransformerDecoder(adapting: openModel(at: checkpoint), rank: 3, seed: 1)
    } throws: {
      "\($0)".contains("adapters: expected rank 3, alpha 32, of query, key")
        && "\($0)".contains("found rank 2, alpha 32")
        && "\($0)".contains("limbeck merge --adapter")
    }
    #expect {
      try trainer(RunFolder(small: folder.file("rounded")), on: base) { $0.quantisedWeights = .q8_0 }
    } throws: { "\($0)".hasPrefix("student-weights: expected float32, for adapters are trained") }
  }
}
