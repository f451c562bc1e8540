import Distillation
import Limbeck
import ModelTraining

/// Trains; where a loss or a gradient is not finite, looks for the reason in the weights that the run began with.
/// - Parameters:
///   - models: teachers, and the model that is trained.
///   - run: the training.
/// - Throws: which tensor of which model is at fault, else what the training throws.
func blamingWeights(of models: [LanguageModel], _ run: () throws -> Void) throws {
  do { try run() } catch {
    if isNonFinite(error) { for model in models { try model.requireFiniteWeights() } }
    throw error
  }
}

/// Whether a training ended because a loss or a gradient was not finite.
func isNonFinite(_ error: any Error) -> Bool {
  switch error {
  case TrainingError.notFinite, DistillationError.training(.notFinite): true
  default: false
  }
}
