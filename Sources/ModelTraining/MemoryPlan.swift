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
  ///   - validationTokens: tokens of the validation text, about; 0 for none.
  ///   - device: where the run will compute.
  ///   - run: runs a recipe on a counting device, on these texts, whose tokens are not read, and writes nothing.
  /// - Throws: what `run` throws, and `value` where the recipe makes no sense or the sizes are beyond all machines.
  public init(
    _ recipe: TrainingRecipe, of configuration: DecoderConfiguration, textTokens: Int? = nil, validationTokens: Int,
    on device: Device, run: (_ device: Device, PackedSequences, ValidationText?, TrainingRecipe) throws -> Void
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
    let validation = try Self.validation(
      min(validationTokens, configuration.vocabularySize + 3 * Self.validatedTogether), length: length)
    let device = device.counting()
    try run(device, data, validation, recipe)
    let counted = device.countedMemory
    parts = MemoryUse.allCases.map { Part($0.name, bytes: counted[$0] ?? 0) }.filter { $0.bytes > 0 }
    releasedBytes = device.countedReleasedBytes
  }

  /// Tokens that are validated together.
  private static let validatedTogether = 4_096

  private static func validation(_ tokens: Int, length: Int) throws -> ValidationText? {
    guard tokens > 0 else { return nil }
    let ids = [Int32](repeating: 0, count: max(2, tokens))
    return try ValidationText(
      EvaluationText(documents: [ids], beginningID: 0), sequenceLength: length, name: "the validation text")
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
