import ArgumentParser
import Diagnostics
import Foundation
import LanguageModels
import ModelFiles
import ModelTraining
import TensorCore
import Tokenization

/// The flags that `train` and `distill` share. Each is optional: what is not given comes from the recipe, else from
/// `TrainingRecipe`'s defaults.
struct TrainingOptions: ParsableArguments {
  private static let standard = TrainingRecipe()
  /// The library leaves it to its user; a run of the command must not be lost with its process.
  fileprivate static let standardCheckpointEvery = 100

  @Option(help: ArgumentHelp("YAML file with flags by name; flags of the command line win.", valueName: "file"))
  var recipe: String?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Text files, folders of them, or files of rows (.jsonl, .json).", valueName: "path"))
  var text: [String] = []
  @OptionGroup var validation: ValidationOptions
  @OptionGroup var keys: TextKeyOptions
  @Option(
    help: ArgumentHelp(
      "What counts of rows with a prompt: completions alone, or prompts as well (default: completions).",
      valueName: "name"))
  var count: CountedTokens?
  @Option(help: ArgumentHelp("Folder to write; must not exist, except with --resume.", valueName: "dir"))
  var output: String?
  @Flag(help: "Go on with the unfinished run in the output folder, from its last checkpoint.")
  var resume = false
  @Option(
    name: .customLong("continue"),
    help: ArgumentHelp(
      "Train the model of a run for --steps more, with its optimiser, place in the text and settings.",
      valueName: "run"))
  var continuedRun: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("Optimiser steps; give this or --epochs.", valueName: "n"))
  var steps: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Passes over the text; this or --steps.", valueName: "x"))
  var epochs: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Sequences per step, at most all of the text (default: \(standard.batchSize)).", valueName: "n"))
  var batchSize: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Sequences per forward pass, a divisor of --batch-size; fewer take less memory (default: 1,024 tokens, or all).",
      valueName: "n")
  )
  var microBatchSize: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Tokens per sequence (default: \(standard.sequenceLength)).", valueName: "n"))
  var sequenceLength: Int?
  @OptionGroup var packing: PackingOptions
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The highest learning rate (default: \(standard.learningRate)).", valueName: "x"))
  var learningRate: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Final learning rate as a share of the peak (default: \(standard.minimumLearningRateRatio)).",
      valueName: "x"))
  var minimumLearningRateRatio: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Steps of linear warm-up, at most all (default: \(standard.warmupSteps)).", valueName: "n"))
  var warmupSteps: Int?
  @Option(
    help: ArgumentHelp("How the learning rate falls (default: \(standard.decay.rawValue)).", valueName: "name"))
  var schedule: LearningRateDecay?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "AdamW's beta1 (default: \(standard.beta1)).", valueName: "x"))
  var beta1: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "AdamW's beta2 (default: \(standard.beta2)).", valueName: "x"))
  var beta2: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "AdamW's epsilon (default: \(standard.epsilon)).", valueName: "x"))
  var epsilon: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "AdamW's weight decay, of matrices but not the embedding (default: \(standard.weightDecay)).", valueName: "x"))
  var weightDecay: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Gradient norm is clipped to this; 0 for no clipping (default: \(standard.gradientClip)).", valueName: "x"))
  var gradientClip: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Seed of new weights and of the order of the text (default: \(standard.seed)).", valueName: "n"))
  var seed: UInt64?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Steps between evaluations (default: only one, at the end).", valueName: "n"))
  var evaluateEvery: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Windows of the validation text to measure, from its start (default: all).", valueName: "n"))
  var evaluationSequences: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Steps between checkpoints (default: \(standardCheckpointEvery)).",
      valueName: "n"))
  var checkpointEvery: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Newest checkpoints to keep (default: \(standard.keptCheckpoints)).", valueName: "n"))
  var keptCheckpoints: Int?
  @Option(help: ArgumentHelp("How the trained weights are stored (default: float32).", valueName: "type"))
  var weights: WeightType?
  @Option(
    help: ArgumentHelp(
      "Precision of matrix products (default: float32); bf16 is faster with AVX512_BF16.",
      valueName: "type"))
  var precision: ProductPrecision?
  @Option(parsing: .unconditional, help: DeviceOptions.threadsHelp)
  var threads: Int?
  @Option(help: DeviceOptions.backendHelp)
  var backend: MatrixBackendKind?

  /// The settings to begin with: those of the recipe that the user names, else of the run that is gone on with.
  func recipeFile() throws(RecipeError) -> RecipeFile {
    if let recipe { return try RecipeFile(contentsOf: recipe) }
    if resume { return try RecipeFile(contentsOf: output.map { "\($0)/recipe.yaml" }) }
    guard let continuedRun else { return try RecipeFile(contentsOf: nil) }
    var file = try RecipeFile(contentsOf: "\(continuedRun)/recipe.yaml")
    // These are of the earlier run alone.
    file.forget("model", "student", "tokenizer", "continue", "output", "steps", "epochs", "warmup-steps")
    return file
  }
}

/// The run that another one goes on with, and where a model to train comes from.
struct TrainingStart {
  /// A config.json or a folder, as the user says or the run that is continued has it.
  let model: String
  /// nil for a run of its own.
  let continuation: RunContinuation?

  /// - Parameters:
  ///   - key: the name of the flag that gives the model: `model` or `student`.
  ///   - flag: its value.
  ///   - options: the flags that `train` and `distill` share.
  ///   - recipe: the settings.
  /// - Throws: where neither a model nor a run is given, or both; what is wrong with the run.
  init(_ key: String, _ flag: String?, _ options: TrainingOptions, _ recipe: inout RecipeFile) throws {
    guard let run = try recipe.path("continue", options.continuedRun) else {
      model = try recipe.requiredPath(key, flag, mayBeName: true)
      continuation = nil
      return
    }
    if let found = try recipe.value(key, flag) {
      throw recipe.invalid(
        key, expected: "nothing with --continue", found: found, advice: "the model is that of \(run)")
    }
    let continuation = try RunContinuation(ofRun: URL(fileURLWithPath: run, isDirectory: true))
    model = continuation.model.path
    self.continuation = continuation
  }
}

/// What `train` and `distill` share, settled.
struct TrainingSettings {
  let text: [String]
  let validationText: [String]
  let validationShare: Double?
  let keys: JSONLinesKeys
  let counting: CountedTokens
  let outputPath: String
  let resumes: Bool
  let packing: PackingSettings
  let recipe: TrainingRecipe
  let weightType: WeightType
  let precision: ProductPrecision
  let threads: Int?
  let backend: MatrixBackendKind?
  /// Keys of a run's recipe whose paths are seen from the folder in which that run began.
  let movedKeys: [String]
  let workingFolder: String?

  var output: URL { URL(fileURLWithPath: outputPath, isDirectory: true) }

  init(_ options: TrainingOptions, _ settings: inout RecipeFile) throws {
    text = try settings.paths("text", options.text)
    validationText = try settings.paths("validation-text", options.validation.validationText)
    validationShare = try options.validation.share(&settings, validationText: validationText)
    keys = try options.keys.keys(&settings)
    counting = try settings.value("count", options.count, default: .completions)
    outputPath = try settings.required("output", options.output)
    resumes = try settings.flag("resume", options.resume)

    var recipe = TrainingRecipe()
    settings.drop("steps", inFavourOf: options.epochs)
    settings.drop("epochs", inFavourOf: options.steps)
    recipe.steps = try settings.value("steps", options.steps)
    recipe.epochs = try settings.value("epochs", options.epochs)
    recipe.batchSize = try settings.value("batch-size", options.batchSize, default: recipe.batchSize)
    recipe.microBatchSize = try settings.value("micro-batch-size", options.microBatchSize)
    recipe.sequenceLength = try settings.value(
      "sequence-length", options.sequenceLength, default: recipe.sequenceLength)
    packing = try PackingSettings(options.packing, &settings)
    recipe.learningRate = try settings.value("learning-rate", options.learningRate, default: recipe.learningRate)
    recipe.minimumLearningRateRatio = try settings.value(
      "minimum-learning-rate-ratio", options.minimumLearningRateRatio, default: recipe.minimumLearningRateRatio)
    recipe.warmupSteps = try settings.value("warmup-steps", options.warmupSteps, default: recipe.warmupSteps)
    recipe.decay = try settings.value("schedule", options.schedule, default: recipe.decay)
    recipe.beta1 = try settings.value("beta1", options.beta1, default: recipe.beta1)
    recipe.beta2 = try settings.value("beta2", options.beta2, default: recipe.beta2)
    recipe.epsilon = try settings.value("epsilon", options.epsilon, default: recipe.epsilon)
    recipe.weightDecay = try settings.value("weight-decay", options.weightDecay, default: recipe.weightDecay)
    recipe.gradientClip = try settings.value("gradient-clip", options.gradientClip, default: recipe.gradientClip)
    recipe.seed = try settings.value("seed", options.seed, default: recipe.seed)
    recipe.evaluateEvery = try settings.value("evaluate-every", options.evaluateEvery)
    recipe.evaluationSequences = try settings.value("evaluation-sequences", options.evaluationSequences)
    recipe.checkpointEvery = try settings.value(
      "checkpoint-every", options.checkpointEvery, default: TrainingOptions.standardCheckpointEvery)
    recipe.keptCheckpoints = try settings.value(
      "kept-checkpoints", options.keptCheckpoints, default: recipe.keptCheckpoints)
    self.recipe = recipe
    movedKeys = settings.movedKeys
    workingFolder = settings.workingFolder
    weightType = try settings.value("weights", options.weights, default: .float32)
    precision = try settings.value("precision", options.precision, default: .float32)
    threads = try settings.value("threads", options.threads)
    backend = try settings.value("backend", options.backend)
    do { try DeviceOptions.check(threads: threads, backend: backend) } catch { throw settings.invalid(error) }
    do throws(TrainingError) { try recipe.validate() } catch {
      guard case .value(let value) = error else { throw error }
      throw settings.invalid(value)
    }
  }

  /// Throws where there is no text to learn from; where none is needed, so is the number of steps.
  func requireText(unless isNeedless: Bool = false) throws(RecipeError) {
    guard text.isEmpty else { return }
    guard isNeedless else { throw .missing(key: "text") }
    if recipe.steps == nil { throw .missing(key: "steps") }
  }
}
