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

  @Option(help: ArgumentHelp("A YAML file that gives flags by their names; flags given here win.", valueName: "file"))
  var recipe: String?
  @Option(
    parsing: .upToNextOption, help: ArgumentHelp("Text files, folders of them, or .jsonl files.", valueName: "path"))
  var text: [String] = []
  @Option(
    parsing: .upToNextOption, help: ArgumentHelp("Text to measure the loss on while training.", valueName: "path"))
  var validationText: [String] = []
  @Option(
    help: ArgumentHelp(
      "What counts, in loss and validation, of rows with a prompt: completions alone, or prompts as well (default: completions).",
      valueName: "name"))
  var count: CountedTokens?
  @Option(help: ArgumentHelp("The folder to write; it must not exist, unless with --resume.", valueName: "dir"))
  var output: String?
  @Flag(help: "Continue the run in the output folder from its last checkpoint.")
  var resume = false

  @Option(parsing: .unconditional, help: ArgumentHelp("Optimiser steps; give this or --epochs.", valueName: "n"))
  var steps: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How often to go through the text; give this or --steps.", valueName: "x"))
  var epochs: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Sequences per step, at most all of the text (default: \(standard.batchSize)).", valueName: "n"))
  var batchSize: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The most sequences computed at once, a divisor of the batch size; fewer take less memory (default: those of 1,024 tokens, all where the head is most of the model).",
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
      "The last learning rate as a part of the highest (default: \(standard.minimumLearningRateRatio)).",
      valueName: "x"))
  var minimumLearningRateRatio: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Steps over which the learning rate rises, at most all (default: \(standard.warmupSteps)).", valueName: "n"))
  var warmupSteps: Int?
  @Option(
    help: ArgumentHelp("How the learning rate falls (default: \(standard.decay.rawValue)).", valueName: "name"))
  var schedule: LearningRateDecay?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The decay rate of AdamW's mean of the gradients (default: \(standard.beta1)).", valueName: "x"))
  var beta1: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The decay rate of AdamW's mean of their squares (default: \(standard.beta2)).", valueName: "x"))
  var beta2: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "What AdamW adds to the root of that mean (default: \(standard.epsilon)).", valueName: "x"))
  var epsilon: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "AdamW's decay of all matrices but the embedding (default: \(standard.weightDecay)).", valueName: "x"))
  var weightDecay: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The largest gradient norm, 0 for any (default: \(standard.gradientClip)).", valueName: "x"))
  var gradientClip: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Decides fresh weights, cuts and order of text (default: \(standard.seed)).", valueName: "n"))
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
      "Steps between checkpoints (default: \(standardCheckpointEvery)); a run that is killed loses at most these.",
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
      "What the trained model rounds the factors of its products to (default: float32); bf16 is faster on CPUs with AVX512_BF16.",
      valueName: "type"))
  var precision: ProductPrecision?
  @Option(parsing: .unconditional, help: DeviceOptions.threadsHelp)
  var threads: Int?
  @Option(help: DeviceOptions.backendHelp)
  var backend: MatrixBackendKind?

  /// The recipe to read: a run that is continued brings its own.
  var recipeFile: String? { recipe ?? (resume ? output.map { "\($0)/recipe.yaml" } : nil) }
}

/// What `train` and `distill` share, settled.
struct TrainingSettings {
  let text: [String]
  let validationText: [String]
  let counting: CountedTokens
  let outputPath: String
  let resumes: Bool
  let packing: PackingSettings
  let recipe: TrainingRecipe
  let weightType: WeightType
  let precision: ProductPrecision
  let threads: Int?
  let backend: MatrixBackendKind?

  var output: URL { URL(fileURLWithPath: outputPath, isDirectory: true) }

  init(_ options: TrainingOptions, _ settings: inout RecipeFile) throws {
    text = try settings.requiredList("text", options.text)
    validationText = try settings.list("validation-text", options.validationText)
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
}
