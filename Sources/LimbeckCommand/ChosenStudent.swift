import Distillation
import LanguageModels

/// What stays of a teacher, by which measure.
struct ChosenStudent {
  let plan: StudentPlan
  /// Of channels, heads and neurons; nil where none of them is cut.
  let importance: ActivationImportance?
  /// What its channels are projected by; nil where they are chosen.
  var projectionText: CalibrationText?
}
