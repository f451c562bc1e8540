import Diagnostics
import Foundation
import ModelFiles
import ModelTraining
import TensorCore
import Tokenization

/// What `train` and `distill` share, settled.
struct TrainingSettings {
  let text: [String]
  let validationText: [String]
  let validationShare: Double?
  let keys: JSONLinesKeys
  let counting: CountedTokens
  let outputPath: String
  let resumes: Bool
  let memory: MemorySettings
  let packing: PackingSettings
  var recipe: TrainingRecipe
  let weightType: WeightType
  let writesTensorBoard: Bool
  let precision: ProductPrecision
  let threads: Int?
  let backend: MatrixBackendKind?
  /// Keys of a run's recipe whose paths are seen from the folder in which that run began.
  let movedKeys: [String]
  let workingFolder: String?

  var output: URL { URL(fileURLWithPath: outputPath, isDirectory: true) }

  /// The settings of flags and recipe; `standardSequenceLength` is T where neither says it, and `standardCuts` are
  /// where the text is cut.
  init(
    _ options: TrainingOptions, _ settings: inout RecipeFile, standardSequenceLength: Int? = nil,
    standardCuts: SequencePacking.Cuts? = nil
  ) throws {
    text = try settings.paths("text", options.text)
    validationText = try settings.paths("validation-text", options.validation.validationText)
    validationShare = try options.validation.share(&settings, validationText: validationText)
    keys = try options.keys.keys(&settings)
    counting = try settings.value("count", options.count, default: .completions)
    outputPath = try settings.required("output", options.output)
    resumes = try settings.flag("resume", options.resume)
    if let value = InvalidValue(ofModelFolder: outputPath, "output") { throw settings.invalid(value) }

    var recipe = TrainingRecipe()
    settings.drop("steps", inFavourOf: options.epochs)
    settings.drop("epochs", inFavourOf: options.steps)
    recipe.steps = try settings.value("steps", options.steps)
    recipe.epochs = try settings.value("epochs", options.epochs)
    recipe.batchSize = try settings.value("batch-size", options.batchSize, default: recipe.batchSize)
    recipe.microBatchSize = try settings.value("micro-batch-size", options.microBatchSize)
    recipe.sequenceLength = try settings.value(
      "sequence-length", options.sequenceLength, default: standardSequenceLength ?? recipe.sequenceLength)
    memory = try MemorySettings(options.memory, &settings)
    packing = try PackingSettings(options.packing, &settings, standard: standardCuts)
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
    recipe.averageDecay = try settings.value("ema-decay", options.average.emaDecay)
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
    writesTensorBoard = try settings.value("tensorboard", options.tensorboard ? true : nil) ?? false
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
    guard isNeedless else { throw .missing(keys: ["text"]) }
    if recipe.steps == nil { throw .missing(keys: ["steps"]) }
  }
}
