import ArgumentParser
import Diagnostics
import Distillation

/// What is minimised at each token of a distillation.
struct ObjectiveOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Weights of a paper, which other flags override. distilbert: 5 * tau^2 * divergence + 2 * cross-entropy + \
      1 - cosine of the last hidden states (default: none).
      """, valueName: "name"))
  var preset: ObjectivePreset?
  @Option(
    help: ArgumentHelp(
      "Divergence from the teacher to minimise (default: \(DivergenceMixture.forwardKL.defaultValueDescription)).",
      valueName: "name[:x]"))
  var divergence: DivergenceMixture?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Temperature tau of both models, 0.05 to 10,000 (default: 1, or the cache's).", valueName: "t"))
  var temperature: Schedule?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Weight lambda of the cross-entropy with the text, 0 to 1 (default: 0).", valueName: "w"))
  var hardLabelWeight: Schedule?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Weight of tau^2 * divergence (default: 1 - lambda).",
      valueName: "w"))
  var softLabelWeight: Schedule?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The weight of the mean squared difference of the logits (default: 0).", valueName: "w"))
  var logitsMseWeight: Schedule?
  @Option(
    help: ArgumentHelp(
      """
      Weight of each token in the divergence: all equal, the entropy of the teacher's distribution / log V, or its \
      largest probability (default: \(TokenWeighting.uniform.rawValue)).
      """, valueName: "name"))
  var tokenWeighting: TokenWeighting?

  /// The objective, and its description for the run folder.
  func objective(
    _ recipe: inout RecipeFile, preset: ObjectivePreset?, standardTemperature: Schedule = 1
  ) throws(RecipeError) -> (value: ScheduledObjective, description: String) {
    let mixture = try recipe.value("divergence", divergence, default: .forwardKL)
    let temperature = try recipe.value("temperature", temperature, default: preset?.temperature ?? standardTemperature)
    let hard = try recipe.value("hard-label-weight", hardLabelWeight, default: preset?.hardLabelWeight ?? 0)
    let soft = try recipe.value("soft-label-weight", softLabelWeight) ?? preset?.softLabelWeight
    let logits = try recipe.value("logits-mse-weight", logitsMseWeight, default: 0)
    let weighting = try recipe.value("token-weighting", tokenWeighting, default: .uniform)
    var objective = ScheduledObjective(
      .forwardKL, temperature: temperature, hardLabelWeight: hard, softLabelWeight: soft, logitsMSEWeight: logits,
      tokenWeighting: weighting)
    objective.divergences = mixture.divergences
    do { try objective.validate() } catch {
      throw recipe.invalid(error)
    }
    var parts = [
      mixture.defaultValueDescription, "temperature \(temperature.defaultValueDescription)",
      "hard-label-weight \(hard.defaultValueDescription)",
    ]
    if let soft { parts.append("soft-label-weight \(soft.defaultValueDescription)") }
    if logits != 0 { parts.append("logits-mse-weight \(logits.defaultValueDescription)") }
    if weighting != .uniform { parts.append("token-weighting \(weighting.rawValue)") }
    return (objective, parts.joined(separator: ", "))
  }
}
