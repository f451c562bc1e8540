import ArgumentParser
import LanguageModels
import ModelTraining
import TensorCore

/// `limbeck inspect --plan`
struct PlanOptions: ParsableArguments {
  @Flag(help: "Show the memory that training the model takes, by these flags of 'limbeck train':")
  var plan = false
  @Option(parsing: .unconditional, help: ArgumentHelp("With --plan: sequences per step.", valueName: "n"))
  var batchSize: Int?
  @Option(parsing: .unconditional, help: ArgumentHelp("With --plan: sequences per forward pass.", valueName: "n"))
  var microBatchSize: Int?
  @Option(parsing: .unconditional, help: ArgumentHelp("With --plan: tokens per sequence.", valueName: "n"))
  var sequenceLength: Int?
  @Flag(help: "With --plan: compute each layer anew in the backward pass.")
  var recompute = false
  @Option(help: ArgumentHelp("With --plan: precision of matrix products.", valueName: "type"))
  var precision: ProductPrecision?
  @OptionGroup var device: DeviceOptions

  func validate() throws {
    guard !plan else { return }
    let others = [
      ("batch-size", batchSize.map { "\($0)" }), ("micro-batch-size", microBatchSize.map { "\($0)" }),
      ("sequence-length", sequenceLength.map { "\($0)" }), ("recompute", recompute ? "given" : nil),
      ("precision", precision?.rawValue), ("threads", device.threads.map { "\($0)" }),
      ("backend", device.backend?.rawValue),
    ]
    for case (let name, let value?) in others {
      throw ValidationError(name, expected: "nothing without --plan", found: value)
    }
  }

  /// What training a model of this configuration takes, without text and tokenizer.
  func plan(for configuration: DecoderConfiguration) throws -> MemoryPlan {
    var recipe = TrainingRecipe(steps: 1)
    if let batchSize { recipe.batchSize = batchSize }
    if let sequenceLength { recipe.sequenceLength = sequenceLength }
    recipe.microBatchSize = microBatchSize
    var plan = try MemoryPlan(
      recipe, of: configuration, on: device.device
    ) { device, data, validation, recipe in
      let decoder = TransformerDecoder(
        configuration: configuration, seed: 0, precision: precision ?? .float32, device: device)
      decoder.recomputesLayers = recompute
      _ = try LanguageModelling(model: decoder).run(
        over: data, validation: validation, recipe, folder: nil, continuing: nil
      ) { _ in .continue }
    }
    if let memory = ProcessMemory.now { plan.add(.init("program", bytes: memory.bytes)) }
    return plan
  }
}

/// `--plan --json` of `inspect`, `train` and `distill`.
struct PlanReport: Encodable {
  /// Memory of one kind, and whether it is pages of a file, which the system can drop.
  struct Part: Encodable {
    let name: String
    let bytes: Int
    let mapped: Bool
  }

  let parts: [Part]
  /// All parts together, and those that are not mapped.
  let bytes, unmappedBytes: Int

  init(_ plan: MemoryPlan) {
    parts = plan.parts.map { Part(name: $0.name, bytes: $0.bytes, mapped: $0.isMapped) }
    (bytes, unmappedBytes) = (plan.bytes, plan.unmappedBytes)
  }
}
