import Diagnostics
public import LanguageModels
import ModelEvaluation
public import TensorCore

/// The memory that a run takes, known before anything is loaded or computed.
///
/// The buffers of tensors are counted by running steps, and a validation, on a device that is `Device.counting()`:
/// what is counted is what the code takes, and cannot fall behind it.
public struct MemoryPlan: Sendable, Equatable {
  /// Memory of one kind.
  public struct Part: Sendable, Equatable {
    /// What it is for, for people.
    public let name: String
    /// How much it is.
    public let bytes: Int
    /// Whether it is pages of a mapped file: they count as long as they are in memory, but the system can drop them.
    public let isMapped: Bool

    /// A part, as the properties say.
    public init(_ name: String, bytes: Int, isMapped: Bool = false) {
      (self.name, self.bytes, self.isMapped) = (name, bytes, isMapped)
    }
  }

  /// The parts, none of 0 bytes.
  public private(set) var parts: [Part]
  /// Bytes of mapped weights whose pages are given up, once they are packed.
  public let releasedBytes: Int

  /// All parts together: the most memory that the process will hold.
  public var bytes: Int { parts.reduce(0) { $0 + $1.bytes } }

  /// Of them, what must be there at once.
  public var unmappedBytes: Int { parts.reduce(0) { $0 + ($1.isMapped ? 0 : $1.bytes) } }

  /// Adds what is not in tensors.
  public mutating func add(_ part: Part) {
    if part.bytes > 0 { parts.append(part) }
  }

  /// Counts the tensors of a run.
  /// - Parameters:
  ///   - recipe: the run's; how long it is does not matter.
  ///   - configuration: that of the model to be trained.
  ///   - textTokens: tokens of the text to be learnt, about; nil where it is longer than a batch.
  ///   - validation: the validation text; nil for none.
  ///   - device: where the run will compute.
  ///   - run: runs a recipe on a counting device, on these texts, and writes nothing.
  /// - Throws: what `run` throws, and `value` where the recipe makes no sense or the sizes are beyond all machines.
  public init(
    _ recipe: TrainingRecipe, of configuration: DecoderConfiguration, textTokens: Int? = nil,
    validation: ValidationText? = nil, on device: Device,
    run: (_ device: Device, PackedSequences, ValidationText?, TrainingRecipe) throws -> Void
  ) throws {
    try recipe.validate()
    var recipe = recipe
    let length = recipe.sequenceLength
    // of micro-batches of a size that is given, all take the same buffers
    if let micro = recipe.microBatchSize { recipe.batchSize = min(recipe.batchSize, 2 * micro) }
    let stepTokens = recipe.batchSize * length
    let tokens = max(length, min(stepTokens, textTokens ?? stepTokens))
    try Self.requireAddresses(tokens: tokens, configuration)
    (recipe.epochs, recipe.evaluateEvery, recipe.checkpointEvery) = (nil, nil, nil)
    // what teachers make of a whole vocabulary, they make after as many tokens
    recipe.steps = min(recipe.steps ?? .max, 64, 3 + configuration.vocabularySize / tokens)
    let data = try PackedSequences(
      PlaceholderTokens(count: tokens + 1), sequenceLength: length, name: "the text to be learnt")
    let device = device.counting()
    try run(device, data, validation, recipe)
    let counted = device.countedMemory
    parts = MemoryUse.allCases.map { Part($0.name, bytes: counted[$0] ?? 0) }.filter { $0.bytes > 0 }
    releasedBytes = device.countedReleasedBytes
  }

  /// Throws `value` where not even addresses would be enough: 2^47 bytes on most machines.
  private static func requireAddresses(tokens: Int, _ configuration: DecoderConfiguration) throws(TrainingError) {
    let widest = max(
      configuration.hiddenSize, configuration.feedForwardSize, configuration.headCount * configuration.headSize)
    // a layer has fewer than 20 such tensors, gradients included
    let factors = [widest, configuration.layerCount, 20, MemoryLayout<Float>.stride]
    let bytes = factors.reduce(Double(tokens)) { $0 * Double($1) }
    guard bytes <= 0x1p45 else {
      throw .value(
        InvalidValue(
          "the run", "activations", expected: "at most 32 TiB, to be planned", found: "up to \(bytes) bytes",
          advice: "compute fewer tokens at once"))
    }
  }
}

extension ValidationText {
  /// Stands for a text of about so many tokens, of which only that many matter as show what memory they take: all of it
  /// that is computed together, and as many as the vocabulary has.
  public init(
    planning tokens: Int, of configuration: DecoderConfiguration, sequenceLength: Int
  ) throws(TrainingError) {
    let count = max(2, min(tokens, configuration.vocabularySize + 3 * 4_096))
    let text = EvaluationText(documents: [[Int32](repeating: 0, count: count)], beginningID: 0)
    try self.init(text, sequenceLength: sequenceLength, name: "the validation text")
  }
}

extension MemoryUse {
  fileprivate var name: String {
    switch self {
    case .weights: "weights"
    case .gradients: "gradients"
    case .moments: "moments of AdamW"
    case .packedWeights: "weights packed for bf16"
    case .head: "output head"
    case .activations: "activations"
    }
  }
}
