public import Foundation
public import ModelFiles
import TensorCore

/// A folder of Tests/Fixtures: a model as Hugging Face saved it, and what PyTorch computes for it.
public struct ModelFixture {
  /// What `expected.json` holds; the conventions are in Tests/Fixtures/README.md.
  public struct Expected: Decodable, Sendable {
    /// [B][T]
    public let ids: [[Int32]]
    /// [B][T]; the label at t belongs to the logits at t − 1, −100 is not counted.
    public let labels: [[Int32]]
    /// The number of labels that count.
    public let countedTokens: Int
    /// The mean cross-entropy over them.
    public let loss: Double?
    /// The loss before each of ten AdamW steps, and after the last.
    public let adamwLosses: [Double]?
    /// The gradient's norm before clipping, at each step.
    public let adamwGradientNorms: [Double]?
    /// The learning rate of all steps.
    public let adamwLearningRate: Double?
    /// The weight decay.
    public let adamwWeightDecay: Double?
    /// The names of the parameters that decay.
    public let adamwDecayedParameters: [String]?

    /// B
    public var batchSize: Int { ids.count }
    /// All ids, sequence by sequence: [B·T].
    public var flatIDs: [Int32] { ids.flatMap { $0 } }
    /// The label of the logits at the same index, −1 where none counts: [B·T].
    public var targets: [Int32] {
      labels.flatMap { row in row.dropFirst().map { $0 < 0 ? -1 : $0 } + [-1] }
    }
  }

  /// The folder.
  public let folder: URL
  /// What `expected.json` holds.
  public let expected: Expected
  /// What `expected.safetensors` holds.
  public let tensors: SafetensorsFile

  /// The folder Tests/Fixtures.
  public static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures")

  /// Opens the folder at a path below Tests/Fixtures.
  public init(_ name: String) throws {
    folder = Self.root.appendingPathComponent(name)
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    expected = try decoder.decode(
      Expected.self, from: Data(contentsOf: folder.appendingPathComponent("expected.json")))
    tensors = try SafetensorsFile(contentsOf: folder.appendingPathComponent("expected.safetensors"))
  }

  /// A tensor of `expected.safetensors`, in Double.
  public func doubles(_ name: String) throws -> [Double] { try tensors.floats(name).map(Double.init) }

  /// The rows that a weight has of a tensor of `expected.safetensors`, in Double; the tensor's name is the weight's
  /// behind `prefix`.
  public func doubles(_ prefix: String, of weight: NamedWeight) throws -> [Double] {
    var floats = [Float](repeating: 0, count: weight.parameter.count)
    var span = floats.mutableSpan
    try tensors.read(prefix + weight.name, rows: weight.rows, into: &span)
    return floats.map(Double.init)
  }

  /// Configurations with gradients and AdamW losses.
  public static let trained =
    [
      "llama/mha", "llama/gqa", "llama/mqa_bias", "llama/head_dim", "llama/odd", "llama/linear", "llama/llama3",
    ] + families + ["families/phi3_short"]
  /// One of each family, with all that is the family's own.
  public static let families = [
    "llama", "mistral", "qwen2", "qwen3", "smollm3", "gemma", "gemma2", "gemma3_text", "phi3", "internlm2", "internlm3",
    "minicpm", "granite", "ernie4_5", "helium",
  ].map { "families/\($0)" }
  /// All folders with the logits of one model.
  public static let all = trained + ["llama/sharded", "llama/float16", "llama/bfloat16"]
}
