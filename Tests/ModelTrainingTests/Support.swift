import DurableFiles
import Foundation
import LanguageModels
import ModelEvaluation
import ModelTraining
import TensorCore
import Tokenization

/// The names of everything in a folder and below it, hidden files included, sorted.
func names(below folder: URL) throws -> [String] {
  try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
}

/// A small model and text to train it on.
enum Small {
  static let configuration = DecoderConfiguration(
    vocabularySize: 31, hiddenSize: 16, feedForwardSize: 24, layerCount: 2, headCount: 2, keyValueHeadCount: 1,
    contextLength: 16, tiesEmbeddings: true, initializerRange: 0.1)

  static func model(seed: UInt64 = 1, threads: Int = 1) -> TransformerDecoder {
    TransformerDecoder(configuration: configuration, seed: seed, device: Device(threads: threads))
  }

  /// A text that can be learnt: each token follows from the one before it, most of the time.
  static func tokens(_ count: Int, seed: UInt64 = 5, masked: (Int) -> Bool = { $0 % 7 == 3 }) -> TokenArray {
    var generator = SeededGenerator(seed: seed)
    var ids: [Int32] = [1]
    while ids.count < count {
      ids.append(
        generator.nextUniform() < 0.8 ? (ids[ids.count - 1] * 7 + 3) % 31 : Int32(generator.next() % 31))
    }
    return TokenArray(ids, counted: ids.indices.map { !masked($0) })
  }

  static func text(
    _ count: Int = 12 * 40 + 1, seed: UInt64 = 5, masked: (Int) -> Bool = { $0 % 7 == 3 }
  ) throws -> PackedSequences {
    try PackedSequences(tokens(count, seed: seed, masked: masked), sequenceLength: 12, name: "small.txt")
  }

  /// A text to be validated on, in windows of the recipe's length.
  static func validation(
    _ count: Int = 12 * 40 + 1, seed: UInt64 = 5, masked: (Int) -> Bool = { $0 % 7 == 3 }
  ) throws -> ValidationText {
    var document = TokenizedDocument()
    for (position, id) in tokens(count, seed: seed).ids.enumerated() {
      document.append([id], counted: !masked(position))
    }
    return try ValidationText(EvaluationText([document], beginningID: 1), sequenceLength: 12, name: "held-out.txt")
  }

  static func recipe(steps: Int) -> TrainingRecipe {
    TrainingRecipe(
      steps: steps, batchSize: 4, microBatchSize: 2, sequenceLength: 12, learningRate: 0.01, warmupSteps: min(3, steps),
      seed: 9)
  }

  /// A run on the small text by cross-entropy.
  static func trainer(
    _ model: TransformerDecoder, _ recipe: TrainingRecipe, folder: RunFolder? = nil
  ) throws -> Trainer {
    try Trainer(
      model: model, objective: CrossEntropyObjective(), data: text(), validation: validation(100, seed: 6),
      recipe: recipe, folder: folder)
  }

  static func weights(_ model: TransformerDecoder) throws -> [UInt32] {
    guard let values = model.parameters.values else { return [] }
    return values.array().map(\.bitPattern)
  }
}

extension RunFolder {
  /// The folder of a new small run, or of one that goes on.
  convenience init(small url: URL, resuming: Bool = false, writesTensorBoard: Bool = false) throws {
    let inputs = ["tokenizer": "abc", "objective": "cross-entropy"]
    if resuming {
      try self.init(resuming: url, inputs: inputs, writesTensorBoard: writesTensorBoard)
    } else {
      try self.init(
        creating: url,
        manifest: RunManifest(version: "0", inputs: inputs, parameters: ["total": 12, "non_embedding": 7]),
        recipe: "steps: 30\n", modelFiles: [NamedFile(name: "tokenizer.model", contents: Data([7, 8, 9]))],
        writesTensorBoard: writesTensorBoard)
    }
  }
}
