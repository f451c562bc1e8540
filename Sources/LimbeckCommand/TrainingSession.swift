import ArgumentParser
import Distillation
import DurableFiles
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
  let settings: TrainingSettings
  private let recipe: String
  private let console = Console()
  let log: Logger

  /// Where to compute.
  let device: Device

  /// - Parameters:
  ///   - subcommand: `train` or `distill`, for the command that resumes the run.
  ///   - settings: what to do.
  ///   - recipe: all settings in YAML, for the run folder.
  /// - Throws: `outputExists` where a new run would have to overwrite something; where a run that is to be gone on with
  ///   is finished, or going on in another process; where the backend cannot compute here.
  init(_ subcommand: String, _ settings: TrainingSettings, recipe: String) throws {
    // Looked at again when the folder is made or opened; here it saves the user the wait until then.
    if settings.resumes {
      try FileLock.requireFree(folder: settings.output)
      if try RunManifest(ofRun: settings.output)?.result != nil {
        throw CommandError.runFinished(folder: settings.outputPath, subcommand: subcommand)
      }
    } else if FileManager.default.fileExists(atPath: settings.output.path) {
      throw TrainingError.outputExists(folder: settings.outputPath)
    }
    self.subcommand = subcommand
    self.settings = settings
    let version = Limbeck.configuration.version
    self.recipe = "# \(version): limbeck \(subcommand) --recipe THIS --output NEW makes the run again.\n" + recipe
    log = Logger(console)
    device = try DeviceOptions.device(threads: settings.threads, backend: settings.backend)
  }

  /// Tells the user something.
  func note(_ text: String) { log.info("\(text)") }

  /// Runs a task to the end, or to Ctrl-C, which throws the exit code. What cannot be trained on is refused before
  /// anything is written.
  /// - Parameters:
  ///   - task: what is trained, and how.
  ///   - tokenizer: what makes its ids.
  ///   - cachePacking: how the text of the teacher cache is cut, where the run learns the sequences of one.
  ///   - ownText: the text, where it is not that of the settings.
  ///   - routes: by which the files of the texts are told apart, where they have teachers of their own.
  ///   - subject: lines that say what is trained, and on what it learns beside its text.
  ///   - inputs: what else the run depends on; a run is only resumed with the same.
  ///   - start: the run that this one goes on with, if there is one.
  /// - Throws: whatever is wrong with the texts, the run folder or the training.
  func run(
    _ task: some SessionTask, _ tokenizer: any Tokenizer, cachePacking: SequencePacking? = nil,
    ownText: PackedSequences? = nil, routes: TextRoutes? = nil, subject: [String], inputs: [String: String],
    from start: TrainingStart
  ) throws {
    let continuation = start.continuation
    task.model.recomputesLayers = settings.memory.recomputes
    try start.requireSameSplit(settings)
    try task.requireFit(sequenceLength: settings.recipe.sequenceLength)
    if let folder = settings.workingFolder, !settings.movedKeys.isEmpty {
      note("\(settings.movedKeys.joined(separator: ", ")): seen from \(folder), where the recipe's run began")
    }
    let packing = TextPacking(
      tokenizer, sequenceLength: settings.recipe.sequenceLength, device: device, console: console)
    let texts = try TrainingTexts(settings, console)
    try routes?.requireFit(texts)
    try texts.requireApart(log)
    let training =
      try texts.training.map { corpus in
        try packing.sequences(
          of: corpus, named: texts.trainingName, cachePacking ?? settings.packing.packing(for: tokenizer),
          by: routes)
      } ?? ownText ?? placeholder()
    let validation = try texts.validation.map { corpus in
      try packing.validation(of: corpus, named: texts.validationName, for: task.model.configuration, by: routes)
    }
    try task.requireFit(training, validation: validation)
    let length = try settings.recipe.length(over: training)
    warn(of: training, length)
    if let validation { warn(ofValidation: validation) }
    let preparation = try task.prepare(settings.recipe, over: training, continuing: continuation)
    for warning in MissingBeginning.warnings(of: task.teachers, tokenizer, on: training) { log.warning("\(warning)") }
    let folder = try runFolder(task.model, tokenizer, inputs: inputs.merging(start.inputs) { $1 })
    for line in subject + [preparation, unusedVocabulary(of: task, tokenizer, on: training)].compactMap(\.self) {
      note(line)
    }
    if let continuation { note("continues a run: \(continuation)") }
    note(
      text(training, length, isRead: ownText != nil || !settings.text.isEmpty) + ", "
        + Format.count(device.threads, "thread"))
    try showing { handler in
      try task.run(
        over: training, validation: validation, settings.recipe, folder: folder, continuing: continuation, handler)
    }
  }

  /// Sequences for a run that learns from none: their number is that of a batch, and their tokens are not read.
  private func placeholder() throws -> PackedSequences {
    let length = settings.recipe.sequenceLength
    let tokens = PlaceholderTokens(count: settings.recipe.batchSize * length + 1)
    return try PackedSequences(tokens, sequenceLength: length, name: "prompts")
  }

  /// Shows the events of a run, and stops it at Ctrl-C.
  private func showing(
    _ run: ((TrainingEvent) -> TrainingDirective) throws -> TrainingSummary
  ) throws {
    let interruption = Interruption { [console] in
      console.write("stopping with a checkpoint; Ctrl-C again stops at once, without one")
    }
    var progress = ProgressLine("step", on: console, patience: .zero)
    // begun anew by each evaluation
    var evaluation = ProgressLine("validation token", on: console)
    defer { progress.end() }
    let summary = try sayingHowToResume {
      try run { event in
        if case .step = event { evaluation = ProgressLine("validation token", on: console) }
        show(event, &progress, &evaluation)
        return interruption.isRequested ? .stop : .continue
      }
    }
    progress.end()
    guard summary.isComplete else {
      let place =
        summary.steps == 0
        ? "before the first step was done" : "after step \(summary.steps) of \(summary.totalSteps), with a checkpoint"
      log.notice(
        """
        stopped \(place); to continue:
          \(resumingCommand)
        """)
      throw ExitCode(interruption.exitCode)
    }
    tell(summary)
  }

  /// A hint, where a run has a teacher whose vocabulary may be reduced.
  private func unusedVocabulary(
    of task: some SessionTask, _ tokenizer: any Tokenizer, on text: any TokenSequences
  ) -> String? {
    guard task.teachers.count == 1 else { return nil }
    return UnusedVocabulary.hint(
      of: task.model.configuration, parameters: task.model.parameters.count, tokenizer, on: text)
  }

  private var resumingCommand: String {
    "limbeck \(subcommand) --output \(settings.outputPath.shellQuoted) --resume"
  }

  /// Runs; where the disk refuses something, tells how the run goes on when that is mended.
  private func sayingHowToResume(_ run: () throws -> TrainingSummary) throws -> TrainingSummary {
    do { return try run() } catch {
      if isRefusalOfDisk(error) {
        log.notice(
          """
          what is finished stays; when the disk takes files again:
            \(resumingCommand)
          """)
      }
      throw error
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
      return try RunFolder(
        resuming: settings.output, inputs: inputs, weightType: settings.weightType,
        writesTensorBoard: settings.writesTensorBoard)
    }
    let manifest = RunManifest(
      version: Limbeck.configuration.version, workingFolder: FileManager.default.currentDirectoryPath, inputs: inputs,
      parameters: ["total": model.parameters.count, "non_embedding": model.nonEmbeddingParameterCount]
        .merging(model.adapters.map { ["adapters": $0.parameters.count] } ?? [:]) { $1 })
    return try RunFolder(
      creating: settings.output, manifest: manifest, recipe: recipe, modelFiles: tokenizer.files,
      weightType: settings.weightType, writesTensorBoard: settings.writesTensorBoard)
  }
}
