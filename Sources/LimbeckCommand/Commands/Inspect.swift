import ArgumentParser
import Checkpoints
import Foundation
import LanguageModels
import ModelTraining
import TensorCore
import Tokenization

/// `limbeck inspect`
struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Shows a model: sizes, parameters, storage, tokenizer, and how it was made.",
    discussion: """
      Example:
        limbeck inspect runs/student
      """)

  @Argument(help: ArgumentHelp("A model's folder: Hugging Face's, or one of a run.", valueName: "dir"))
  var folder: String
  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let checkpoint = try CheckpointFolder(contentsOf: URL(fileURLWithPath: folder, isDirectory: true))
    let decoder = try Decoder(checkpoint)
    let tokenizer = try checkpoint.tokenizerModel.map(SentencePieceTokenizer.init)
    let report = try Report(checkpoint, decoder, tokenizer, run: manifest)
    if json { try StandardOutput.write(json: report) } else { try StandardOutput.write(report.text) }
  }

  /// How the model was made, if the folder is one of a run.
  private var manifest: RunManifest? {
    get throws {
      let file = URL(fileURLWithPath: folder).appendingPathComponent("run.json")
      guard let data = try? Data(contentsOf: file) else { return nil }
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      decoder.dateDecodingStrategy = .iso8601
      do { return try decoder.decode(RunManifest.self, from: data) } catch {
        throw CommandError.unreadable(file: file.path, reason: "it is not the manifest of a run")
      }
    }
  }
}

extension Inspect {
  /// What is shown.
  struct Report: Encodable {
    let vocabularySize, hiddenSize, feedForwardSize, layers, heads, keyValueHeads, headSize, contextLength: Int
    let ropeTheta: Double
    let normEpsilon: Float
    let tiedEmbeddings: Bool
    let parameters, nonEmbeddingParameters: Int
    /// The types of the weights on disk.
    let types: [String]
    let weightBytes: Int
    let tokenizerPieces: Int?
    let tokenizerDigest: String?
    let run: RunManifest?

    init(
      _ checkpoint: CheckpointFolder, _ decoder: LanguageModels.Decoder, _ tokenizer: SentencePieceTokenizer?,
      run: RunManifest?
    ) throws {
      let configuration = checkpoint.configuration
      vocabularySize = configuration.vocabularySize
      hiddenSize = configuration.hiddenSize
      feedForwardSize = configuration.feedForwardSize
      layers = configuration.layerCount
      heads = configuration.headCount
      keyValueHeads = configuration.keyValueHeadCount
      headSize = configuration.headSize
      contextLength = configuration.contextLength
      ropeTheta = configuration.ropeTheta
      normEpsilon = configuration.normEpsilon
      tiedEmbeddings = configuration.tiesEmbeddings
      parameters = decoder.parameters.count
      nonEmbeddingParameters = decoder.nonEmbeddingParameterCount
      types = Set(try checkpoint.weights.names.map { try checkpoint.weights.entry($0).type.rawValue }).sorted()
      weightBytes = checkpoint.weightBytes
      tokenizerPieces = tokenizer?.vocabularySize
      tokenizerDigest = tokenizer?.digest.hexadecimal
      self.run = run
    }

    var text: String {
      var facts = FactList()
      facts.add("vocabulary", Format.count(vocabularySize) + (tiedEmbeddings ? ", head tied to the embedding" : ""))
      facts.add("hidden size", Format.count(hiddenSize))
      facts.add("feed-forward size", Format.count(feedForwardSize))
      facts.add("layers", "\(layers)")
      facts.add("heads", "\(heads) of \(headSize), \(keyValueHeads) for keys and values")
      facts.add("context", "\(Format.count(contextLength)) tokens, rotary base \(ropeTheta)")
      facts.add(
        "parameters",
        "\(Format.count(parameters)): \(Format.count(parameters - nonEmbeddingParameters)) embedding and head, "
          + "\(Format.count(nonEmbeddingParameters)) others")
      facts.add("on disk", "\(Format.bytes(weightBytes)), \(types.joined(separator: " and "))")
      facts.add("tokenizer", tokenizerPieces.map { "\(Format.count($0)) pieces" } ?? "none in the folder")
      if let tokenizerDigest { facts.add("", "digest \(tokenizerDigest)") }
      if let run { add(run, to: &facts) }
      return facts.text
    }

    private func add(_ run: RunManifest, to facts: inout FactList) {
      facts.add("run begun", "\(run.created.formatted(.iso8601)), \(run.version)")
      if let result = run.result {
        facts.add(
          "run finished",
          "\(Format.count(result.steps)) steps, \(Format.count(result.tokensSeen)) tokens in \(Format.time(result.seconds))"
            + (result.lastValidation.map { ", validation perplexity \(Format.fixed($0.perplexity, 3))" } ?? ""))
      }
      for (name, value) in run.inputs.sorted(by: { $0.key < $1.key }) { facts.add("  \(name)", value) }
    }
  }
}
