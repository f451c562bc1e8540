import ArgumentParser
import Foundation
import ModelFiles
import ModelTraining
import TensorCore
import Tokenization

/// The flags that `train` and `distill` share. Each is optional: what is not given comes from the recipe, else from
/// `TrainingRecipe`'s defaults.
struct TrainingOptions: ParsableArguments {
  private static let standard = TrainingRecipe()
  /// The library leaves it to its user; a run of the command must not be lost with its process.
  static let standardCheckpointEvery = 100

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
  @OptionGroup var memory: MemoryOptions
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
  @OptionGroup var average: WeightAverageOptions
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
  @Flag(help: "Also write the losses for TensorBoard, into the output folder.")
  var tensorboard = false
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

  func validate() throws { if let output { try ValidationError.requirePath(output, "output") } }

  /// The settings to begin with: those of the recipe that the user names, else of the run that is gone on with. Throws
  /// `runOfAnotherSubcommand` where `subcommand` cannot go on with it.
  func recipeFile(of subcommand: String) throws -> RecipeFile {
    if let recipe { return try RecipeFile(contentsOf: recipe) }
    try requireRun(of: subcommand)
    if resume { return try RecipeFile(contentsOf: output.map { "\($0)/recipe.yaml" }) }
    guard let continuedRun else { return try RecipeFile(contentsOf: nil) }
    var file = try RecipeFile(contentsOf: "\(continuedRun)/recipe.yaml")
    // These are of the earlier run alone.
    file.forget(
      "model", "student", "tokenizer", "continue", "control-of", "output", "steps", "epochs", "warmup-steps",
      "cache-while-distilling", "cache-output", "cache-method", "cache-max-size")
    return file
  }

  /// Whether the run goes on with another one, whose model it has.
  func continues(_ recipe: RecipeFile) -> Bool { continuedRun != nil || recipe.has("continue") }

  /// Throws `runOfAnotherSubcommand`.
  private func requireRun(of subcommand: String) throws {
    guard let run = resume ? output : continuedRun,
      let found = try RunManifest(ofRun: URL(fileURLWithPath: run, isDirectory: true))?.inputs["command"],
      found != subcommand, resume || subcommand == "train"
    else { return }
    let name = run.shellQuoted
    let advice =
      resume
      ? "give: limbeck \(found) --output \(name) --resume"
      : "give: limbeck distill --continue \(name) --steps N --output NEW, or to go on without the teacher: "
        + "limbeck train --model \(name) --text PATH --steps N --output NEW"
    throw RecipeError.runOfAnotherSubcommand(run: run, expected: subcommand, found: found, advice: advice)
  }
}
