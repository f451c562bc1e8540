import ArgumentParser
import Foundation
import LanguageModels
import ModelFiles
import ProgramSupport
import TensorCore
import TextGeneration
import Tokenization

/// Greedy generation with key-value caches, and the loading of the model before it.
@main
struct GenerationTimer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "GenerationTimer",
    abstract: "Times loading a model and generating greedily; prints one JSON object.",
    discussion: """
      Example:
        python Benchmarks/peers/random_models.py 15M model
        env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE GenerationTimer model --sequences 32
      """)

  @Argument(help: "A model folder with a tokenizer, or a .gguf file.")
  var model: String

  @Option(help: "Tokens to generate for each sequence.")
  var tokens = 256

  @Option(help: "Sequences to compute together: one after BOS and the prompt, the others after BOS and a piece.")
  var sequences = 1

  @Option(help: "What the first sequence continues (default: BOS alone).")
  var prompt = ""

  @Option(help: "Tokens of each sequence in a first run that is not timed; 0 for none.")
  var warmupTokens = 16

  @Option(help: "Of all products: float32 or bf16.", transform: choice(named:))
  var precision = ProductPrecision.float32

  @Option(
    help: "What the caches keep keys and values as: float32 or float16.", transform: choice(named:))
  var cachePrecision = CachePrecision.float32

  @Option(help: "Threads to compute with (default: one per core).")
  var threads: Int?

  @Option(help: "What multiplies matrices, of the names that limbeck doctor lists.", transform: choice(named:))
  var backend = MatrixBackendKind.best

  @Flag(help: "Load the model and generate nothing.")
  var loadOnly = false

  func validate() throws {
    guard tokens > 0, sequences > 0, warmupTokens >= 0 else {
      throw ValidationError("--tokens and --sequences must be positive, --warmup-tokens not negative")
    }
    if let threads, threads < 1 { throw ValidationError("--threads must be at least 1, but is \(threads)") }
  }

  func run() throws {
    let clock = ContinuousClock()
    let start = clock.now
    let device = try Device(threads: threads, backend: backend)
    let folder = URL(filePath: model)
    let decoder = try FrozenDecoder(contentsOf: folder, precision: precision, device: device)
    var report = GenerationReport(
      threads: device.threads, loadSeconds: start.duration(to: clock.now) / .seconds(1),
      anonymousMibAfterLoading: Machine.anonymousMib(), backend: device.backendKind.rawValue,
      matrixKernel: device.kernelName)
    if !loadOnly {
      let tokenizer = try loadTokenizer(from: folder)
      let prompts =
        [prompt] + (1..<sequences).map { tokenizer.spelling(of: Int32(tokenizer.vocabularySize - $0)) }
      let generator = try Generator(decoder, tokenizer, cachePrecision: cachePrecision)
      func generate(_ count: Int) throws -> [Generation] {
        try generator.generate(after: prompts, sampling: .greedy, maxTokens: count, batchSize: sequences)
      }
      if warmupTokens > 0 { _ = try generate(warmupTokens) }
      var generations: [Generation] = []
      let seconds = try clock.measure { generations = try generate(tokens) } / .seconds(1)
      let count = generations.reduce(0) { $0 + $1.tokenIDs.count }
      report.tokens = count
      report.generationSeconds = seconds
      report.tokensPerSecond = Double(count) / seconds
      report.ids = generations.map(\.tokenIDs)
    }
    report.peakResidentMib = Machine.peakResidentMib()
    try report.write()
  }
}

/// What a run found.
struct GenerationReport: Report {
  var threads: Int
  var loadSeconds: Double
  /// Memory that is no mapped file: small where the weights are used where they are mapped.
  var anonymousMibAfterLoading: Double
  var backend: String
  var matrixKernel: String
  /// Of all sequences together.
  var tokens: Int?
  var generationSeconds: Double?
  var tokensPerSecond: Double?
  /// What was generated, sequence by sequence.
  var ids: [[Int32]]?
  var peakResidentMib = 0.0
}
