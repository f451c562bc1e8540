import ArgumentParser
import Foundation
import LanguageModels
import ModelFiles
import ModelTraining
import TensorCore
import Tokenization

/// `limbeck inspect`
struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Shows a model: sizes, parameters, storage, tokenizer, and how it was made.",
    discussion: """
      Of a run that is not finished, the newest checkpoint is shown.

      Example:
        limbeck inspect runs/student
      """)

  @Argument(help: ArgumentHelp("A model's folder: Hugging Face's, or one of a run.", valueName: "dir"))
  var folder: String
  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let root = URL(fileURLWithPath: folder, isDirectory: true)
    let run = try RunManifest(ofRun: root)
    let report: Report
    if let run, run.result == nil {
      let checkpoint = RunFolder.newestCheckpoint(ofRun: root)
      report = Report(
        model: try checkpoint.map { try ModelReport(folder: $0.url) }, run: run, folder: folder,
        checkpointStep: checkpoint?.step)
    } else {
      report = Report(model: try ModelReport(folder: root), run: run, folder: folder, checkpointStep: nil)
    }
    if json { try StandardOutput.write(json: report) } else { try StandardOutput.write(report.text) }
  }
}

extension Inspect {
  /// What is shown; in JSON one object with the model's keys, and those of the run where there is one.
  struct Report: Encodable {
    /// Nil where a run has no checkpoint yet.
    let model: ModelReport?
    let run: RunManifest?
    let folder: String
    /// The step of the checkpoint that the model is taken from; nil if it is not from one.
    let checkpointStep: Int?

    private enum CodingKeys: String, CodingKey {
      case run, checkpointStep
    }

    func encode(to encoder: any Encoder) throws {
      try model?.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encodeIfPresent(run, forKey: .run)
      try container.encodeIfPresent(checkpointStep, forKey: .checkpointStep)
    }

    var text: String {
      var facts = FactList()
      model?.add(to: &facts)
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
      } else {
        facts.add(
          "run unfinished",
          checkpointStep.map { "the model is its newest checkpoint's, of step \(Format.count($0))" }
            ?? "no checkpoint and so no model yet")
        if let subcommand = run.inputs["command"] {
          facts.add("  to continue", "limbeck \(subcommand) --output \(folder.shellQuoted) --resume")
        }
      }
      for (name, count) in run.parameters.sorted(by: { $0.key < $1.key }) where model == nil {
        facts.add("  parameters, \(name)", Format.count(count))
      }
      for (name, value) in run.inputs.sorted(by: { $0.key < $1.key }) { facts.add("  \(name)", value) }
    }
  }

  /// What a model's folder holds.
  struct ModelReport: Encodable {
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

    init(folder: URL) throws {
      let checkpoint = try ModelFolder(contentsOf: folder)
      let decoder = try FrozenDecoder(checkpoint)
      let tokenizer = try TokenizerFormat.ofFolder(folder).map { _ in try loadTokenizer(from: folder) }
      let configuration = checkpoint.configuration
      vocabularySize = configuration.vocabularySize
      hiddenSize = configuration.hiddenSize
      feedForwardSize = configuration.feedForwardSize
      layers = configuration.layerCount
      heads = configuration.headCount
      keyValueHeads = configuration.keyValueHeadCount
      headSize = configuration.headSize
      contextLength = configuration.contextLength
      ropeTheta = configuration.rotary.base
      normEpsilon = configuration.normEpsilon
      tiedEmbeddings = configuration.tiesEmbeddings
      parameters = decoder.parameters.count
      nonEmbeddingParameters = decoder.nonEmbeddingParameterCount
      types = Set(try checkpoint.weights.names.map { try checkpoint.weights.tensor(named: $0).type }).sorted()
      weightBytes = checkpoint.weightBytes
      tokenizerPieces = tokenizer?.vocabularySize
      tokenizerDigest = tokenizer?.digest.hexadecimal
    }

    func add(to facts: inout FactList) {
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
    }
  }
}
