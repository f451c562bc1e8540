import Foundation
import LanguageModels
import Limbeck
import ModelFiles

/// A student that is cut in several rounds and distilled between them (Minitron, Muralidharan et al. 2024).
struct PruningRounds {
  private let student: Student
  private let rounds: Int
  private let budget: StudentBudget
  private let teacher: DecoderConfiguration

  init(_ student: Student, rounds: Int, _ budget: StudentBudget, of teacher: DecoderConfiguration) {
    (self.student, self.rounds, self.budget, self.teacher) = (student, rounds, budget, teacher)
  }

  /// What decides all that is made on the way.
  private struct Settings: Codable, Equatable {
    let from: String
    let flag: String
    let limit: String
    let type: String?
    let calibrationText: [String]
    let calibrationTokens, trialSteps, rounds, steps: Int
  }

  private var folder: String { "\(student.output).rounds" }

  /// Makes what is not made yet: the student, and beside it the folder of the rounds before.
  func run() throws {
    let options = student.budget
    try ClaimedFolder.claim(
      folder,
      for: Settings(
        from: student.from, flag: budget.flag, limit: budget.argument(budget.limit), type: options.type?.rawValue,
        calibrationText: student.calibrationText, calibrationTokens: student.calibrationTokens,
        trialSteps: options.resolvedTrialSteps, rounds: rounds, steps: options.steps ?? 1), named: "rounds",
      of: "the folder of the rounds of such a student")
    let console = Console()
    var from = student.from
    for round in 1...rounds {
      let (limit, isLast) = (limit(ofRound: round), round == rounds)
      let reached = try round == 1 ? nil : reachedCost(of: from, limit)
      if let reached, !isLast {
        console.write(
          "\n== \(title(round, limit)): \(from) keeps to it already, with \(budget.text(reached)); "
            + "the round is left out"
        )
        continue
      }
      let cut = isLast ? student.output : "\(folder)/cut-\(round)"
      var steps = [reached == nil ? pruning(round, limit, from, to: cut) : copying(round, limit, from)]
      if !isLast {
        steps.append(distilling(round, cut))
        from = self.run(ofRound: round)
      }
      for step in steps where !step.isDone { try step.run() }
    }
    console.write("\n== The students of the rounds before are in \(folder); they are not needed any more")
  }

  /// The most that the student of a round may cost: each round takes away the same share.
  private func limit(ofRound round: Int) -> Double {
    let start = budget.cost(teacher)
    return round == rounds ? budget.limit : start * pow(budget.limit / start, Double(round) / Double(rounds))
  }

  /// What a student of an earlier round costs where that is no more than the limit of this one: shapes are steps, and
  /// one may lie below the limits of several rounds. Nil where it costs more.
  private func reachedCost(of path: String, _ limit: Double) throws -> Double? {
    let cost = budget.cost(try openModel(at: ModelLocation(path: path).url).configuration)
    return cost <= limit * budget.tolerance ? cost : nil
  }

  private func title(_ round: Int, _ limit: Double) -> String {
    "Round \(round) of \(rounds): at most \(budget.text(limit))"
  }

  private func run(ofRound round: Int) -> String { "\(folder)/student-\(round)" }

  private func pruning(_ round: Int, _ limit: Double, _ from: String, to cut: String) -> CommandStep {
    let type = student.budget.type.map { ["--type", $0.rawValue] } ?? []
    return CommandStep(
      title: title(round, limit),
      arguments: ["student", "--from", from, "--\(budget.flag)", budget.argument(limit)] + type
        + ["--rounds", "1", "--trial-steps", "\(student.budget.resolvedTrialSteps)", "--calibration-text"]
        + student.calibrationText
        + ["--calibration-tokens", "\(student.calibrationTokens)"] + student.sharedFlags
        + outputFlags(isLast: round == rounds) + ["--output", cut],
      result: "\(cut)/model.safetensors")
  }

  /// The last round where nothing is left to be cut.
  private func copying(_ round: Int, _ limit: Double, _ from: String) -> CommandStep {
    CommandStep(
      title: "\(title(round, limit)): \(from) keeps to it already",
      arguments: ["student", "--from", from] + student.sharedFlags + outputFlags(isLast: true)
        + ["--output", student.output],
      result: "\(student.output)/model.safetensors")
  }

  /// There is one JSON object, that of the student.
  private func outputFlags(isLast: Bool) -> [String] { student.json ? [isLast ? "--json" : "--quiet"] : [] }

  private func distilling(_ round: Int, _ cut: String) -> CommandStep {
    let run = run(ofRound: round)
    let arguments =
      FileManager.default.fileExists(atPath: "\(run)/run.json")
      ? ["distill", "--output", run, "--resume"]
      : ["distill", "--teacher", student.from, "--student", cut, "--text"] + student.calibrationText
        + ["--steps", "\(student.budget.steps ?? 1)", "--sequence-length", "\(min(256, teacher.contextLength))"]
        + ["--warmup-steps", "\(min(10, (student.budget.steps ?? 1) / 4))"]
        + (student.tokenizer.map { ["--tokenizer", $0] } ?? []) + student.device.arguments + ["--output", run]
    return CommandStep(
      title: "Round \(round) of \(rounds): the student learns from the teacher", arguments: arguments,
      result: "\(run)/model.safetensors")
  }
}
