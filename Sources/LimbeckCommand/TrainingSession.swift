import ArgumentParser
import Foundation
import LanguageModels
import Logging
import ModelFiles
import ModelTraining
import TensorCore
import Tokenization

/// The part that `train` and `distill` share: text to token files, the run folder, the loop with its progress, and what
/// happens at Ctrl-C.
struct TrainingSession {
  private let subcommand: String
  private let settings: TrainingSettings
  private let recipe: String
  private let console = Console()
  private let log: Logger

  /// Where to compute.
  let device: Device

  /// - Parameters:
  ///   - subcommand: `train` or `distill`, for the command that resumes the run.
  ///   - settings: what to do.
  ///   - recipe: all settings in YAML, for the run folder.
  /// - Throws: `outputExists` where a new run would have to overwrite something; where the backend cannot compute here.
  init(_ subcommand: String, _ settings: TrainingSettings, recipe: String) throws {
    // Looked at again when the folder is made; here it saves the user the wait until then.
    if !settings.resumes, FileManager.default.fileExists(atPath: settings.output.path) {
      throw TrainingError.outputExists(folder: settings.outputPath)
    }
    self.subcommand = subcommand
    self.settings = settings
    let version = Limbeck.configuration.version
    self.recipe = "# \(version): limbeck \(subcommand) --recipe THIS --output NEW makes the run again.\n" + recipe
    log = Logger(console)
    device = try DeviceOptions.device(threads: settings.threads, backend: settings.backend)
  }

  /// Trains `model` to the end of the run, or to Ctrl-C, which throws the exit code.
  /// - Parameters:
  ///   - model: what is trained.
  ///   - tokenizer: what makes its ids.
  ///   - objective: what is minimised.
  ///   - inputs: what else the run depends on; a run is only resumed with the same.
  ///   - checkTexts: is given the texts before anything is written, and throws where they cannot be trained on.
  /// - Throws: whatever is wrong with the texts, the run folder or the training.
  func run(
    _ model: TransformerDecoder, _ tokenizer: any Tokenizer, objective: any TrainingObjective,
    inputs: [String: String],
    checkTexts: (_ training: PackedSequences, _ validation: PackedSequences?) throws -> Void = { _, _ in }
  ) throws {
    try settings.requireContext(of: model)
    let packing = TextPacking(
      tokenizer, sequenceLength: settings.recipe.sequenceLength, beside: settings.output, device: device,
      console: console)
    let training = try packing.sequences(of: settings.text)
    let validation = try settings.validationText.isEmpty ? nil : packing.sequences(of: settings.validationText)
    try checkTexts(training, validation)
    _ = try settings.recipe.totalSteps(sequences: training.count)
    let folder = try runFolder(model, tokenizer, inputs: inputs)
    let trainer = try Trainer(
      model: model, objective: objective, data: training, validation: validation, recipe: settings.recipe,
      folder: folder)
    log.info(
      """
      \(Format.count(model.parameters.count)) parameters, \(Format.count(training.count)) sequences of \
      \(training.sequenceLength) tokens, \(Format.count(trainer.totalSteps)) steps, \(device.threads) threads
      """)
    try train(with: trainer)
  }

  private func train(with trainer: Trainer) throws {
    let interruption = Interruption { [console] in
      console.write("stopping after this step; Ctrl-C again stops at once, without a checkpoint")
    }
    var progress = ProgressLine("step", on: console, patience: .zero)
    defer { progress.end() }
    let summary = try trainer.run { event in
      show(event, &progress)
      return interruption.isRequested ? .stop : .continue
    }
    progress.end()
    guard summary.isComplete else {
      log.notice(
        """
        stopped after step \(summary.steps) of \(summary.totalSteps), with a checkpoint; to continue:
          limbeck \(subcommand) --output \(settings.outputPath.shellQuoted) --resume
        """)
      throw ExitCode(interruption.exitCode)
    }
    let perplexity = summary.lastValidation.map { ", validation perplexity \(Format.fixed($0.perplexity, 3))" } ?? ""
    log.info(
      """
      wrote \(settings.outputPath): \(Format.count(summary.steps)) steps, \(Format.count(summary.tokensSeen)) tokens in \
      \(Format.time(summary.seconds))\(perplexity)
      """)
  }

  private func show(_ event: TrainingEvent, _ progress: inout ProgressLine) {
    switch event {
    case .resumed(let step):
      log.info("continuing after step \(step)")
    case .step(let step):
      progress.show(
        step.number, of: step.totalSteps, secondsLeft: step.secondsRemaining,
        details: ["loss \(Format.fixed(step.loss, 4))", "\(Format.count(Int(step.tokensPerSecond))) tokens/s"])
    case .evaluated(let result):
      let divergence = result.divergence.map { ", divergence \(Format.fixed($0, 4))" } ?? ""
      log.info(
        """
        step \(result.step): validation loss \(Format.fixed(result.loss, 4)), perplexity \
        \(Format.fixed(result.perplexity, 3))\(divergence)
        """)
    case .checkpointed(let step, let url):
      log.debug("step \(step): checkpoint \(url.path)")
    }
  }

  private func runFolder(
    _ model: TransformerDecoder, _ tokenizer: any Tokenizer, inputs: [String: String]
  ) throws -> RunFolder {
    let common = [
      "tokenizer": tokenizer.digest.hexadecimal, "command": subcommand, "precision": model.precision.rawValue,
    ]
    let inputs = inputs.merging(common) { own, _ in own }
    if settings.resumes {
      return try RunFolder(resuming: settings.output, inputs: inputs, weightType: settings.weightType)
    }
    let manifest = RunManifest(
      version: Limbeck.configuration.version, inputs: inputs,
      parameters: ["total": model.parameters.count, "non_embedding": model.nonEmbeddingParameterCount])
    return try RunFolder(
      creating: settings.output, manifest: manifest, recipe: recipe, modelFiles: tokenizer.files,
      weightType: settings.weightType)
  }
}

extension String {
  /// As one word of a shell command.
  var shellQuoted: String {
    let isPlain = !isEmpty && allSatisfy { $0.isLetter || $0.isNumber || "/._-+=:@,".contains($0) }
    return isPlain ? self : "'" + replacing("'", with: #"'\''"#) + "'"
  }
}
