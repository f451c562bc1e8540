import LanguageModels
import ModelTraining

/// What a session runs: the library's `Distiller`, or a `Trainer` of a language model.
protocol SessionTask {
  /// What is trained.
  var model: TransformerDecoder { get }
  /// What it learns from, besides the text; none where a cache stands for them.
  var teachers: [any DecoderModel] { get }

  /// Checks that sequences of so many tokens can be trained on.
  func requireFit(sequenceLength: Int) throws

  /// Checks that the texts can be trained on.
  func requireFit(_ text: PackedSequences, validation: ValidationText?) throws

  /// Checks what a run needs beside its texts, before anything is written. Returns a line that the user should read.
  func prepare(
    _ recipe: TrainingRecipe, over text: PackedSequences, continuing continuation: RunContinuation?
  ) throws -> String?

  /// Trains the model to the end of the run, or until the handler says stop.
  func run(
    over text: PackedSequences, validation: ValidationText?, _ recipe: TrainingRecipe, folder: RunFolder?,
    continuing continuation: RunContinuation?, _ handler: (TrainingEvent) -> TrainingDirective
  ) throws -> TrainingSummary
}

extension SessionTask {
  /// Nothing.
  func prepare(
    _ recipe: TrainingRecipe, over text: PackedSequences, continuing continuation: RunContinuation?
  ) throws -> String? { nil }
}
