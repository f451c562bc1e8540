import Foundation
import LanguageModels
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
    for step in steps where !step.isDone { try step.run() }
    Console().write("\n== The students of the rounds before are in \(folder); they are not needed any more")
  }

  private var steps: [CommandStep] {
    let start = budget.cost(teacher)
    return (1...rounds).flatMap { round -> [CommandStep] in
      let isLast = round == rounds
      let from = round == 1 ? student.from : "\(folder)/student-\(round - 1)"
      let cut = isLast ? student.output : "\(folder)/cut-\(round)"
      let limit = isLast ? budget.limit : start * pow(budget.limit / start, Double(round) / Double(rounds))
      let type = student.budget.type.map { ["--type", $0.rawValue] } ?? []
      let pruning = CommandStep(
        title: "Round \(round) of \(rounds): at most \(budget.text(limit))",
        arguments: ["student", "--from", from, "--\(budget.flag)", budget.argument(limit)] + type
          + ["--rounds", "1", "--trial-steps", "\(student.budget.resolvedTrialSteps)", "--calibration-text"]
          + student.calibrationText
          + ["--calibration-tokens", "\(student.calibrationTokens)"] + student.sharedFlags + outputFlags(isLast: isLast)
          + ["--output", cut],
        result: "\(cut)/model.safetensors")
      return isLast ? [pruning] : [pruning, distilling(round, cut)]
    }
  }

  /// There is one JSON object, that of the student.
  private func outputFlags(isLast: Bool) -> [String] { student.json ? [isLast ? "--json" : "--quiet"] : [] }

  private func distilling(_ round: Int, _ cut: String) -> CommandStep {
    let run = "\(folder)/student-\(round)"
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
