import Diagnostics
import Distillation
import LanguageModels
import Limbeck
import ModelTraining
import TensorCore

/// The sizes of a student that keeps within a budget.
extension Student {
  /// How often a search is done again because its student was too slow.
  private static let mostSearches = 3

  /// The best shape of those that just keep within the budget. Says what was tried, and how to make it by hand.
  func choose(
    within budget: StudentBudget, of teacher: LanguageModel, on device: Device, _ console: Console
  ) throws -> ChosenStudent {
    let text = try CalibrationText(calibrationText, teacher, on: device)
    let parts = try text.parts(contextLength: teacher.configuration.contextLength)
    let importance = try importance(of: teacher, on: text)
    var progress = ProgressLine("layer", on: console, announcing: "measuring \(from) without each layer")
    let layers = LayerImportance(of: teacher.decoder, on: parts.heldOut) { progress.show($0, of: $1) }
    progress.end()
    let trials = ShapeTrials(
      of: teacher.decoder, importance, training: parts.training, heldOut: parts.heldOut,
      steps: self.budget.resolvedTrialSteps)
    var budget = budget
    for _ in 0..<Self.mostSearches {
      let results = try ranked(trials, within: budget, layers, teacher, console)
      guard let best = results.first else { break }
      // a speed was fitted to other shapes: now the chosen one is measured
      if case .tokensPerSecond(var speed) = budget.measure {
        let seconds = GenerationSpeed.seconds(of: GenerationSpeed.random(best.plan.configuration, on: device))
        console.write("measured: \(Format.speed(1 / seconds)) tokens/s")
        if seconds > budget.limit * budget.tolerance {
          speed.adjust(best.plan.configuration, to: seconds)
          budget.measure = .tokensPerSecond(speed)
          continue
        }
      }
      if !quiet, !json { try StandardOutput.write(table(results, budget)) }
      console.write("again by hand:\n  \(command(best.plan))")
      return ChosenStudent(plan: best.plan, importance: importance, budget: budget, trials: results)
    }
    throw InvalidValue(
      "--\(budget.flag)", expected: "what a shape of this teacher has", found: budget.text(budget.limit),
      advice: "no shape that was found keeps to it")
  }

  private func ranked(
    _ trials: ShapeTrials, within budget: StudentBudget, _ layers: LayerImportance, _ teacher: LanguageModel,
    _ console: Console
  ) throws -> [ShapeTrials.Result] {
    let plans = budget.pruningBudget.plans(of: teacher.configuration, layers)
    var progress = ProgressLine("trial", on: console, announcing: "trying \(plans.count) shapes")
    defer { progress.end() }
    return try trials.ranked(plans) { progress.show($0, of: $1) }
  }

  /// The shapes that were trained, the best first.
  private func table(_ results: [ShapeTrials.Result], _ budget: StudentBudget) -> String {
    let trained = results.filter { $0.steps > 0 }
    let rows = trained.map { result in
      let configuration = result.plan.configuration
      return [
        result.plan.layers.map(String.init).joined(separator: ","), "\(configuration.hiddenSize)",
        "\(configuration.feedForwardSize)", "\(configuration.headCount)", "\(configuration.keyValueHeadCount)",
        budget.text(budget.cost(configuration)), Format.fixed(result.lossAfterCut, 3),
        Format.fixed(result.loss, 3), Format.count(result.steps),
      ]
    }
    let heading = ["layers", "hidden", "feed-forward", "heads", "key-value", "cost", "nats cut", "trained", "steps"]
    return "\(Format.count(results.count)) shapes tried, \(trained.count) of them trained; the best first\n"
      + TextTable(rows: [heading] + rows).text + "\n"
  }

  /// The call that makes the same student.
  private func command(_ plan: StudentPlan) -> String {
    let sizes = plan.configuration
    var words = [
      "limbeck", "student", "--from", from, "--layers", plan.layers.map(String.init).joined(separator: ","),
      "--hidden-size", "\(sizes.hiddenSize)", "--feed-forward-size", "\(sizes.feedForwardSize)", "--heads",
      "\(sizes.headCount)", "--key-value-heads", "\(sizes.keyValueHeadCount)",
    ]
    words += ["--calibration-text"] + calibrationText + ["--calibration-tokens", "\(calibrationTokens)"]
    words += sharedFlags + ["--output", output]
    return words.map(\.shellQuoted).joined(separator: " ")
  }

  /// What every call for the same files has.
  var sharedFlags: [String] {
    ["--weights", weights.rawValue] + (tokenizer.map { ["--tokenizer", $0] } ?? []) + (quiet ? ["--quiet"] : [])
      + device.arguments
  }
}
