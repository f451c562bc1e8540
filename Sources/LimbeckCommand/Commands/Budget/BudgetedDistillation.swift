import ArgumentParser
import Diagnostics
import Distillation
import DurableFiles
import Foundation
import ModelTraining

/// `limbeck distill --budget`: measures, chooses, tries the choice against a control, distils, and says what it was
/// worth. Everything lies in one folder; what is done is not done again.
struct BudgetedDistillation {
  private let settings: BudgetSettings
  private let printsJSON: Bool
  private let console = Console()

  init(_ distill: Distill, _ budget: TimeBudget) throws {
    settings = try BudgetSettings(distill, budget)
    printsJSON = distill.options.memory.json
  }

  func run() throws {
    let start = ContinuousClock.now
    let finished = try BudgetRecord(of: settings)
    if finished == nil { try BudgetMeasuring(settings, since: start).check() }
    try ClaimedFolder.claim(
      settings.output, for: settings.claimed, named: "budget",
      of: "a distillation of this teacher by a budget, with these options and of this text")
    let record: BudgetRecord
    if let finished {
      record = finished
    } else {
      record = try BudgetMeasuring(settings, since: start).record()
      try record.write(settings)
    }
    let steps = BudgetSteps(settings: settings, record: record, plan: try BudgetPlan(record.measurements))
    do { try finish(steps) } catch {
      console.write("what is done stays; the same command goes on")
      throw error
    }
  }

  private func finish(_ steps: BudgetSteps) throws {
    let plan = steps.plan
    var choices = BudgetChoices(steps)
    choices.tell(console)
    if let cutting = steps.cutting, !cutting.isDone { try cutting.run() }
    let first = try outcome(steps.pilot("pilot", plan.firstPilot), plan)
    let mixed = try outcome(steps.pilot("mixed", plan.pilot(hardLabelWeight: 0.5, after: first)), plan)
    let schedule = plan.control(of: first)
    // it takes its settings from a run that has a model; without one, the decision says what is wrong
    let control =
      try [("pilot", first), ("mixed", mixed)].first { $0.1.natsPerToken.isFinite }
      .map { try outcome(steps.control(schedule, of: $0.0), plan) }
      ?? BudgetOutcome(schedule, seconds: 0, natsPerToken: .infinity)
    let decision = try BudgetDecision(plan, control: control, pilots: [first, mixed])
    choices.decide(decision, pilots: [first, mixed], control: control, console)
    let recipe = URL(fileURLWithPath: settings.path("recipe.yaml"))
    if !somethingExists(at: recipe.path) { try AtomicFile.write(choices.recipe(decision.run), to: recipe) }
    let main = steps.main(decision.run)
    let student = try finished(main, plan)
    if plan.reportSeconds != nil, !steps.report.isDone { try steps.report.run() }
    let result = BudgetReport(
      choices, decision, control: control, student: student, seconds: try seconds(ofAll: steps), steps)
    if printsJSON { return try StandardOutput.write(json: result) }
    try StandardOutput.write(result.summary + "\n")
    console.write("again, to the same bits: limbeck distill --recipe \(recipe.relativePath.shellQuoted) --output NEW")
    if plan.reportSeconds == nil {
      let command = steps.report.arguments.map(\.shellQuoted).joined(separator: " ")
      console.write("the report would have taken too much of the time: limbeck \(command)")
    }
  }

  /// What came of a pilot or the control. Where a loss is not finite, it counts as the worst that there is, for as long
  /// as it was planned: then a call that goes on decides the same.
  private func outcome(_ run: BudgetSteps.Run, _ plan: BudgetPlan) throws -> BudgetOutcome {
    do { return try finished(run, plan) } catch let error where isNonFinite(error) {
      console.write("\(settings.path(run.name)): \(error); it counts as the worst")
      return BudgetOutcome(run.schedule, seconds: run.schedule.seconds, natsPerToken: .infinity)
    }
  }

  /// What came of a run, which is made where it is not there.
  private func finished(_ run: BudgetSteps.Run, _ plan: BudgetPlan) throws -> BudgetOutcome {
    if !run.step.isDone { try run.step.run() }
    guard let result = try manifest(run.name)?.result else {
      throw CommandError.notARun(folder: settings.path(run.name))
    }
    return plan.outcome(
      run.schedule, seconds: result.seconds, evaluations: run.evaluations,
      natsPerToken: (run.countsBest ? result.bestValidation : result.lastValidation)?.crossEntropy ?? .nan)
  }

  private func manifest(_ name: String) throws -> RunManifest? {
    try RunManifest(ofRun: URL(fileURLWithPath: settings.path(name), isDirectory: true))
  }

  /// The seconds of measuring and of all runs, whatever interrupted them.
  private func seconds(ofAll steps: BudgetSteps) throws -> Double {
    let measured = steps.record.measurements
    let runs = try ["pilot", "control", "mixed", "student"].map { try manifest($0)?.result?.seconds ?? 0 }
    return measured.spent + steps.plan.cutSeconds + runs.reduce(0, +) + 4 * measured.preparation
  }
}
