import ArgumentParser
import Diagnostics
import LanguageModels
import Limbeck
import ModelTraining
import Tokenization

/// `limbeck train`
struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Trains a language model on text.",
    discussion: """
      --model is a config.json for a fresh model, or a model folder to start from.
      The output folder gets the model, its tokenizer, checkpoints, metrics.jsonl
      and recipe.yaml, from which --recipe makes the run again. Paths in a recipe
      are relative to the current folder. Ctrl-C finishes the step and writes a
      checkpoint; --output DIR --resume goes on from there. A run that was killed
      goes on from its last checkpoint (--checkpoint-every).

      Example:
        limbeck train --model config.json --tokenizer tokenizer.model \\
          --text books/ --validation-text held-out.txt --output runs/teacher \\
          --epochs 2 --learning-rate 2e-3 --warmup-steps 50
      """)

  @Option(help: ArgumentHelp("A config.json, or a model folder to start from.", valueName: "config.json|dir"))
  var model: String?
  @Option(help: ArgumentHelp("A tokenizer.model (default: the model folder's).", valueName: "file"))
  var tokenizer: String?
  @OptionGroup var options: TrainingOptions

  func run() throws {
    var recipe = try RecipeFile(contentsOf: options.recipeFile)
    let modelPath = try recipe.required("model", model)
    let tokenizerPath = try recipe.value("tokenizer", tokenizer)
    let settings = try TrainingSettings(options, &recipe)
    try recipe.finish()
    let session = try TrainingSession("train", settings, recipe: recipe.yaml)

    let source = try ModelSource(path: modelPath)
    let tokenizer = try source.tokenizer(orAt: tokenizerPath)
    let model = try source.model(
      for: tokenizer, seed: settings.recipe.seed, precision: settings.precision, on: session.device)
    try session.run(LanguageModelling(model: model.trainableDecoder), tokenizer, inputs: ["model": model.digest])
  }
}

/// A language model that learns a text as it is.
private struct LanguageModelling: SessionTask {
  let model: TransformerDecoder

  func requireFit(sequenceLength: Int) throws {
    let contextLength = model.configuration.contextLength
    guard sequenceLength <= contextLength else {
      throw TrainingError.value(.sequenceLength(sequenceLength, beyond: contextLength, of: "the model"))
    }
  }

  func requireFit(_ text: PackedSequences, validation: ValidationText?) throws {}

  func run(
    over text: PackedSequences, validation: ValidationText?, _ recipe: TrainingRecipe, folder: RunFolder?,
    _ handler: (TrainingEvent) -> TrainingDirective
  ) throws -> TrainingSummary {
    try Trainer(
      model: model, objective: CrossEntropyObjective(), data: text, validation: validation, recipe: recipe,
      folder: folder
    ).run(handler)
  }
}
