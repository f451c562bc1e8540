import LanguageModels
import ModelEvaluation
import TensorCore
import Testing

@testable import ModelTraining

@Suite struct MemoryPlanTests {
  private static let configuration = DecoderConfiguration(
    vocabularySize: 700, hiddenSize: 64, feedForwardSize: 160, layerCount: 4, headCount: 4, keyValueHeadCount: 2,
    contextLength: 64, tiesEmbeddings: true, initializerRange: 0.1)

  private func recipe(batchSize: Int, microBatchSize: Int? = nil) -> TrainingRecipe {
    TrainingRecipe(steps: 3, batchSize: batchSize, microBatchSize: microBatchSize, sequenceLength: 64)
  }

  private func plan(
    _ recipe: TrainingRecipe, recomputes: Bool = false, textTokens: Int? = nil, validation: ValidationText? = nil,
    precision: ProductPrecision = .float32, on device: Device, counting: (Device) -> Void = { _ in }
  ) throws -> MemoryPlan {
    try MemoryPlan(
      recipe, of: Self.configuration, textTokens: textTokens, validation: validation, on: device
    ) { device, data, validation, recipe in
      counting(device)
      let model = TransformerDecoder(
        configuration: Self.configuration, seed: 1, precision: precision, device: device)
      model.recomputesLayers = recomputes
      try Trainer(
        model: model, objective: CrossEntropyObjective(), data: data, validation: validation, recipe: recipe
      ).run()
    }
  }

  /// A real run takes the very buffers that were counted.
  @Test(arguments: [true, false], [ProductPrecision.float32, .bfloat16])
  func tensorsAreThoseOfTheRun(_ recomputes: Bool, precision: ProductPrecision) throws {
    for (batch, micro) in [(4, nil), (8, 2), (40, nil)] {
      let recipe = recipe(batchSize: batch, microBatchSize: micro)
      // of two threads, one may be late and take nothing
      let device = Device(threads: 1)
      var counting = device
      let plan = try plan(
        recipe, recomputes: recomputes,
        validation: ValidationText(planning: 1_500, of: Self.configuration, sequenceLength: 64), precision: precision,
        on: device
      ) { counting = $0 }
      #expect(device.peakBytes == 0, "planning takes no memory")

      let model = TransformerDecoder(
        configuration: Self.configuration, seed: 1, precision: precision, device: device)
      model.recomputesLayers = recomputes
      let ids = [Int32](repeating: 1, count: batch * 64 + 1)
      let text = EvaluationText(documents: [[Int32](repeating: 1, count: 1_500)], beginningID: 0)
      try Trainer(
        model: model, objective: CrossEntropyObjective(),
        data: PackedSequences(TokenArray(ids), sequenceLength: 64, name: "text"),
        validation: ValidationText(text, sequenceLength: 64, name: "held out"), recipe: recipe
      ).run()
      #expect(device.peakBytes == counting.peakBytes, "batch \(batch)")
      // capacities are rounded up by an eighth at most
      #expect(plan.bytes <= device.peakBytes && plan.bytes * 9 >= device.peakBytes * 8, "batch \(batch)")
    }
  }

  /// The last step of a run by epochs may have fewer sequences, whose buffers are of other sizes.
  @Test func aSmallerLastBatchTakesNoMore() throws {
    let device = Device(threads: 1)
    let planned = try plan(recipe(batchSize: 8), on: device)
    let ids = [Int32](repeating: 1, count: 13 * 64 + 1)
    let counting = device.counting()
    let model = TransformerDecoder(configuration: Self.configuration, seed: 1, device: counting)
    var batches: [Int] = []
    try Trainer(
      model: model, objective: CrossEntropyObjective(),
      data: PackedSequences(TokenArray(ids), sequenceLength: 64, name: "text"),
      recipe: TrainingRecipe(epochs: 1, batchSize: 8, sequenceLength: 64)
    ).run { event in
      if case .step(let step) = event { batches.append(step.countedTokens) }
      return .continue
    }
    #expect(batches.count == 2 && batches[1] < batches[0])
    #expect(counting.countedMemory.values.reduce(0, +) == planned.bytes)
  }

  @Test func partsAreOfTheShapes() throws {
    let plan = try plan(recipe(batchSize: 4), on: Device(threads: 1))
    let weights = try #require(Self.configuration.weightCount) * 4
    let bytes = Dictionary(uniqueKeysWithValues: plan.parts.map { ($0.name, $0.bytes) })
    #expect(bytes["weights"] == weights && bytes["gradients"] == weights && bytes["moments of AdamW"] == 2 * weights)
    #expect(try #require(bytes["output head"]) > 4 * 700 * 256 && bytes["activations"] ?? 0 > 0)
  }

  @Test func mappedFilesAreToldApart() throws {
    var plan = try plan(recipe(batchSize: 4), on: Device(threads: 1))
    let before = plan.bytes
    plan.add(.init("file", bytes: 1_000, isMapped: true))
    plan.add(.init("nothing", bytes: 0))
    #expect(plan.bytes == before + 1_000 && plan.unmappedBytes == before && plan.parts.last?.name == "file")
  }

  @Test func recomputingTakesLess() throws {
    let device = Device(threads: 1)
    let recipe = recipe(batchSize: 16)
    #expect(try plan(recipe, recomputes: true, on: device).bytes < plan(recipe, on: device).bytes)
  }

  @Test func shortTextsTakeTheBatchesThatTheyHave() throws {
    let device = Device(threads: 1)
    let four = try plan(recipe(batchSize: 4), on: device).bytes
    #expect(try plan(recipe(batchSize: 16), textTokens: 4 * 64 + 10, on: device).bytes == four)
    #expect(try plan(recipe(batchSize: 16), textTokens: 10, on: device).bytes < four)
    // micro-batches are all alike, however many there are
    let micro = try plan(recipe(batchSize: 1 << 20, microBatchSize: 4), on: device)
    #expect(micro == (try plan(recipe(batchSize: 8, microBatchSize: 4), on: device)))
  }

  @Test func sizesBeyondAllMachinesAreRefused() throws {
    var configuration = Self.configuration
    (configuration.feedForwardSize, configuration.contextLength) = (1 << 24, 1 << 24)
    #expect(throws: TrainingError.self) {
      _ = try MemoryPlan(
        TrainingRecipe(steps: 1, batchSize: 1, sequenceLength: 1 << 24), of: configuration,
        on: Device(threads: 1)
      ) { _, _, _, _ in }
    }
  }

  @Test func recipesThatMakeNoSenseAreRefused() throws {
    #expect(throws: TrainingError.self) {
      try plan(TrainingRecipe(steps: 3, batchSize: 4, sequenceLength: 65), on: Device(threads: 1))
    }
  }
}
