/// What one of the students costs within a budget, if all goes as measured. Times are in seconds.
struct BudgetCosts {
  let measured: BudgetMeasurements
  let student: BudgetMeasurements.Candidate

  /// Shares of the budget: of each of three pilots, of what is left for surprises, and at most of the report.
  static let (pilotShare, reserve, mostReportShare) = (0.05, 0.02, 0.1)
  /// The share that an evaluation should take, and the most that it may.
  static let (evaluationShare, mostEvaluationShare) = (0.005, 0.02)
  /// The share that measuring the importance of channels may take, and the tokens for it.
  private static let calibrationShare = 0.02
  private static let (leastCalibrationTokens, mostCalibrationTokens) = (1_024, 16_384)
  /// Windows that tell a model from another at all.
  static let leastWindows = 2
  /// Steps with which a run is one.
  static let (leastSteps, leastPilotSteps) = (16.0, 4.0)
  /// Fewer steps are better spent on smaller batches.
  private static let manySteps = 400.0
  /// How often pilots and student are evaluated with the teacher.
  private static let evaluations = Double(2 + BudgetPlan.evaluations)
  /// Tokens that a report generates of each of four models.
  private static let reportedTokens = 260.0

  /// Of an evaluation with the teacher.
  func evaluation(windows: Int) -> Double {
    Double(windows * measured.sequenceLength) * (measured.teacherSecondsPerToken + student.secondsPerToken / 3)
  }

  /// Tokens on which the importance of channels is measured: enough to rank them, or as many as there is time for.
  var calibrationTokens: Int {
    let affordable = Self.calibrationShare * measured.budget / max(measured.teacherSecondsPerToken, 1e-12)
    return min(Self.mostCalibrationTokens, max(Self.leastCalibrationTokens, Int(min(1e9, affordable))))
  }

  /// Of cutting the student out of the teacher.
  var cut: Double {
    measured.preparation
      + (student.isNarrow ? Double(calibrationTokens) * measured.teacherSecondsPerToken : 0)
  }

  /// Of a step that caches the teacher.
  var step: Double {
    let tokens = Double(batchSize * measured.sequenceLength)
    return tokens * (student.secondsPerToken * BudgetedRun.recording + measured.teacherSecondsPerToken)
  }

  /// Of the report; nil where it takes too long.
  var report: Double? {
    let models = 1 + 3 * Double(student.weights) / Double(max(1, measured.teacherWeights))
    let measuring = Double(measured.heldOutTokens) * (measured.teacherSecondsPerToken + student.secondsPerToken)
    let generating = Self.reportedTokens * measured.generationSecondsPerToken * models
    let all = measuring + generating + measured.preparation
    return all <= Self.mostReportShare * measured.budget ? all : nil
  }

  /// What is left for the steps of the student.
  var left: Double {
    let runs =
      measured.budget * (1 - 3 * Self.pilotShare - Self.reserve) - measured.spent - cut - 4 * measured.preparation
    let each = max(evaluation(windows: Self.leastWindows), measured.budget * Self.evaluationShare)
    return runs - Self.evaluations * each - (report ?? 0)
  }

  /// The passes over the text that it gets.
  var passes: Double {
    // they are the same for batches of any size
    BudgetedRun(measured, student: student, batchSize: 1, hardLabelWeight: 0, seconds: max(0, left)).passes
  }

  /// The sequences of a step: 8 where that leaves 400 steps, else 4; fewer of a text that has not four times as many.
  var batchSize: Int {
    let sequences = measured.trainingTokens / measured.sequenceLength
    let wanted = passes * Double(sequences) >= 8 * Self.manySteps ? 8 : 4
    return max(1, min(wanted, sequences / 4))
  }

  /// Whether there is time to evaluate it, for pilots, and for a run.
  var isPossible: Bool {
    evaluation(windows: Self.leastWindows) <= measured.budget * Self.mostEvaluationShare
      && measured.budget * Self.pilotShare >= Self.leastPilotSteps * step && left >= Self.leastSteps * step
  }

  /// A budget that is possible.
  var leastBudget: Double {
    let windows = evaluation(windows: Self.leastWindows)
    let shares =
      3 * Self.pilotShare + Self.reserve + Self.mostReportShare + Self.evaluations * Self.evaluationShare
      + Self.calibrationShare
    let fixed =
      measured.spent + 5 * measured.preparation + Self.evaluations * windows + Self.leastSteps * step
      + Double(Self.leastCalibrationTokens) * measured.teacherSecondsPerToken
    return max(windows / Self.mostEvaluationShare, Self.leastPilotSteps * step / Self.pilotShare, fixed / (1 - shares))
  }
}
