import LanguageModels
import ModelTraining

/// What a session runs: the library's `Distiller`, or a `Trainer` of a language model.
protocol SessionTask {
  /// What is trained.
  var model: TransformerDecoder { get }

  /// Checks that sequences of so many tokens can be trained on.
  func requireFit(sequenceLength: Int) throws

  /// Checks that the texts can be trained on.
  func requireFit(_ text: PackedSequences, validation: ValidationText?) throws

  /// Trains the model to the end of the run, or until the handler says stop.
  func run(
    over text: PackedSequences, validation: ValidationText?, _ recipe: TrainingRecipe, folder: RunFolder?,
    continuing continuation: RunContinuation?, _ handler: (TrainingEvent) -> TrainingDirective
  ) throws -> TrainingSummary
}
