import ArgumentParser
import Foundation
import LanguageModels
import ModelFiles
import ProgramSupport
import TensorCore

/// Random weights and tokens of any size for `StepTimer`.
///
/// A program of its own: making a teacher takes memory for its gradients too, which must not count as the step's.
@main
struct RandomInputs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "RandomInputs",
    abstract: "Writes a teacher, a student and a batch with random contents, for StepTimer.",
    discussion: """
      Example:
        RandomInputs inputs --vocabulary 32000 --batch 8 --length 256
        env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE StepTimer inputs
      """)

  @Argument(help: "The folder to write: teacher/, student/, batch.json.")
  var folder: String

  @Option(help: "The teacher's hidden size, layers, heads and feed-forward size.")
  var teacher = ModelShape(hidden: 288, layers: 6, heads: 6, feedForward: 768)

  @Option(help: "The student's.")
  var student = ModelShape(hidden: 144, layers: 3, heads: 6, feedForward: 384)

  @Option(help: "Token ids of both; their heads are tied to their embeddings.")
  var vocabulary = 32_000

  @Option(help: "Sequences of the batch.")
  var batch = 8

  @Option(help: "Tokens of a sequence, and the context length of both.")
  var length = 256

  func validate() throws {
    guard vocabulary > 3, batch > 0, length > 1 else {
      throw ValidationError("--vocabulary must be at least 4, --batch 1 and --length 2")
    }
  }

  func run() throws {
    let folder = URL(filePath: folder)
    try write(teacher, "teacher", seed: 1, to: folder)
    try write(student, "student", seed: 2, to: folder)
    var generator = SeededGenerator(seed: 3)
    let ids = (0..<batch).map { _ in
      (0..<length).map { _ in Int32.random(in: 3..<Int32(vocabulary), using: &generator) }
    }
    try JSONEncoder().encode(SavedBatch(ids: ids)).write(to: folder.appending(path: "batch.json"))
  }

  private func write(_ shape: ModelShape, _ name: String, seed: UInt64, to folder: URL) throws {
    let configuration = DecoderConfiguration(
      vocabularySize: vocabulary, hiddenSize: shape.hidden, feedForwardSize: shape.feedForward,
      layerCount: shape.layers, headCount: shape.heads, contextLength: length, tiesEmbeddings: true)
    try configuration.check(place: "--\(name) \(shape.defaultValueDescription)")
    try TransformerDecoder(configuration: configuration, seed: seed).write(to: folder.appending(path: name))
  }
}

/// The sizes of a decoder as they are written on the command line: `288,6,6,768`.
struct ModelShape: ExpressibleByArgument {
  let hidden: Int
  let layers: Int
  let heads: Int
  let feedForward: Int

  init(hidden: Int, layers: Int, heads: Int, feedForward: Int) {
    (self.hidden, self.layers, self.heads, self.feedForward) = (hidden, layers, heads, feedForward)
  }

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    let sizes = parts.compactMap { Int($0) }
    guard parts.count == 4, sizes.count == 4 else { return nil }
    self.init(hidden: sizes[0], layers: sizes[1], heads: sizes[2], feedForward: sizes[3])
  }

  var defaultValueDescription: String { "\(hidden),\(layers),\(heads),\(feedForward)" }
}
