import Distillation
import Limbeck
import ModelEvaluation
import ModelTraining
import TextGeneration

/// Trains, measures or generates; where something is not finite, looks for the reason in the weights that it began
/// with.
/// - Parameters:
///   - models: all models that take part.
///   - run: what is done with them.
/// - Returns: what `run` does.
/// - Throws: which tensor of which model is at fault, else what `run` throws.
func blamingWeights<Result>(of models: [LanguageModel], _ run: () throws -> Result) throws -> Result {
  do { return try run() } catch {
    if isNonFinite(error) || isNonFiniteMeasure(error) { for model in models { try model.requireFiniteWeights() } }
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

/// Whether a model was asked for a probability, and gave something that is not finite.
private func isNonFiniteMeasure(_ error: any Error) -> Bool {
  switch error {
  case EvaluationError.notFinite, GenerationError.logitsNotFinite: true
  case let error as ModelTaskError: if case .notFinite = error.error { true } else { false }
  default: false
  }
}
