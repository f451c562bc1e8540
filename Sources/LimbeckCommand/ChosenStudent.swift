import Distillation
import LanguageModels
import Limbeck

/// What stays of a teacher, by which measure.
struct ChosenStudent {
  let plan: StudentPlan
  /// Of channels, heads and neurons; nil where none of them is cut.
  let importance: ActivationImportance?
  /// What its channels are projected by; nil where they are chosen.
  var projectionText: CalibrationText?
  /// What it may cost, and the shapes that were tried for it; none where the user gave the sizes.
  var budget: StudentBudget?
  var trials: [ShapeTrials.Result] = []
}

extension Student {
  /// What is cut; and then projected, where its channels are not chosen.
  func student(_ chosen: ChosenStudent, of teacher: LanguageModel) throws -> TransformerDecoder {
    guard let text = chosen.projectionText else {
      return TransformerDecoder(studentOf: teacher.decoder, chosen.plan, importance: chosen.importance)
    }
    let cut = TransformerDecoder(
      studentOf: teacher.decoder, chosen.plan.withAllChannels, importance: chosen.importance)
    let sequences = try calibrationSequences(of: text, teacher)
    var progress = ProgressLine("calibration token", on: Console(), announcing: "projecting \(from)")
    defer { progress.end() }
    let projection = try StreamProjection(
      of: cut, to: chosen.plan.configuration.hiddenSize, on: sequences, tokens: calibrationTokens
    ) { progress.show($0, of: $1) }
    return TransformerDecoder(projecting: cut, by: projection)
  }
}
