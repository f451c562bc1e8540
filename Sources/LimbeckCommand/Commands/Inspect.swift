import ArgumentParser
import Diagnostics
import DurableFiles
import Foundation
import LanguageModels
import Limbeck
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
      Of a run that is not finished, the newest checkpoint is shown. Of a
      config.json, the parameters are shown that a model made from it has (without
      embedding and head where it leaves vocab_size to the tokenizer), and the
      memory for its weights: 4 bytes each to run in float32, 16 to train (weights,
      gradients and two moments of AdamW); activations come on top, and grow with
      the micro-batch: --plan counts them. Of a .gguf file, the types of its tensors
      are counted.

      Example:
        limbeck inspect runs/student
        limbeck inspect config.json
        limbeck inspect gemma-3-270m.Q4_K_M.gguf
        limbeck inspect config.json --plan --batch-size 4 --sequence-length 512
      """)

  @Argument(
    help: ArgumentHelp(
      "A model's folder, Hugging Face's or one of a run; a .gguf file; or a config.json.", valueName: "model"))
  var model: String
  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup(title: "Plan") var planning: PlanOptions

  func run() throws {
    let file = URL(fileURLWithPath: model)
    if !file.isFolder, file.pathExtension.lowercased() == "json" { return try show(configuration: file) }
    let root = URL(fileURLWithPath: model, isDirectory: true)
    if planning.plan { return try show(planOf: openModel(at: ModelLocation(path: model).url).configuration) }
    let run = try RunManifest(ofRun: root)
    let report: Report
    if let run, run.result == nil {
      let checkpoint = RunFolder.newestCheckpoint(ofRun: root)
      report = Report(
        model: try checkpoint.map { try ModelReport($0.url) }, run: run, path: model,
        checkpointStep: checkpoint?.step)
    } else {
      report = Report(model: try ModelReport(root), run: run, path: model, checkpointStep: nil)
    }
    for warning in report.model?.warnings ?? [] { Console().write("warning: \(warning)") }
    if json { try StandardOutput.write(json: report) } else { try StandardOutput.write(report.text) }
  }

  /// Stands for V where config.json does not say it; nothing that is shown depends on it.
  private static let anyVocabularySize = 1 << 16

  /// Shows what training a model of this configuration takes.
  private func show(planOf configuration: DecoderConfiguration) throws {
    let plan = try planning.plan(for: configuration)
    if json { return try StandardOutput.write(json: PlanReport(plan)) }
    try StandardOutput.write(plan.table(limit: MemoryLimit(nil)))
  }

  /// Shows the model that a config.json describes.
  private func show(configuration file: URL) throws {
    let members = try HuggingFaceConfiguration(contentsOf: file)
    // of a model to be trained, the vocabulary is the tokenizer's where config.json leaves it out
    let hasVocabulary = members.contains("vocab_size")
    let configuration = try DecoderConfiguration(
      members.filling("vocab_size", with: .integer(Self.anyVocabularySize)))
    for remark in configuration.remarks(on: members) { Console().write("warning: \(remark)") }
    if planning.plan {
      guard hasVocabulary else {
        throw InvalidValue(
          file.path, "vocab_size", expected: "a number, to plan with", found: "none",
          advice: "limbeck train --plan takes the tokenizer's")
      }
      return try show(planOf: configuration)
    }
    let sizes = ModelSizes(configuration, hasVocabulary: hasVocabulary)
    if json { return try StandardOutput.write(json: sizes) }
    var facts = FactList()
    sizes.add(to: &facts)
    let missing = hasVocabulary ? [] : ["embedding", "head"]
    func without(_ parts: [String]) -> String {
      guard let last = parts.last else { return "" }
      let others = parts.dropLast().joined(separator: ", ")
      return ", without \(others.isEmpty ? "" : "\(others) and ")\(last)"
    }
    facts.add(
      "memory to run",
      "\(Format.bytes(sizes.runningBytes)) in float32, \(Format.bytes(sizes.runningBytes / 2)) in bfloat16"
        + without(missing))
    facts.add("memory to train", Format.bytes(sizes.trainingBytes) + without(["activations"] + missing))
    try StandardOutput.write(facts.text)
  }
}

extension Inspect {
  /// What is shown; in JSON one object with the model's keys, and those of the run where there is one.
  struct Report: Encodable {
    /// Nil where a run has no checkpoint yet.
    let model: ModelReport?
    let run: RunManifest?
    /// As the user named it.
    let path: String
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
          "\(Format.count(result.steps, "step")), \(Format.count(result.tokensSeen, "token")) "
            + "in \(Format.time(result.seconds))"
            + (result.lastValidation.map { ", validation perplexity \(Format.fixed($0.perplexity, 3))" } ?? ""))
      } else {
        facts.add(
          "run unfinished",
          checkpointStep.map { "the model is its newest checkpoint's, of step \(Format.count($0))" }
            ?? "no checkpoint and so no model yet")
        if let subcommand = run.inputs["command"] {
          facts.add("  to continue", "limbeck \(subcommand) --output \(path.shellQuoted) --resume")
        }
      }
      for (name, count) in run.parameters.sorted(by: { $0.key < $1.key }) where model == nil {
        facts.add("  parameters, \(name)", Format.count(count))
      }
      // digests of what the run was made from, and settings
      for (name, value) in run.inputs.sorted(by: { $0.key < $1.key }) {
        facts.add("  \(name)", value.count == 64 && value.allSatisfy(\.isHexDigit) ? "digest \(value)" : value)
      }
    }
  }
}
