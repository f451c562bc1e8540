import ArgumentParser
import Distillation

/// Weights of a paper, as defaults that flags override.
enum ObjectivePreset: String, CaseIterable, ExpressibleByArgument {
  /// DistilBERT (Sanh et al. 2019): 5 · τ² · forward KL + 2 · cross-entropy + 1 · cosine of the last hidden states,
  /// τ = 2.
  case distilBERT = "distilbert"

  var temperature: Schedule { 2 }
  var hardLabelWeight: Schedule { 2 }
  var softLabelWeight: Schedule { 5 }
  var hiddenCosineWeight: Schedule { 1 }
}
