import Diagnostics
import Foundation
import LanguageModels
import Testing

@testable import Distillation

/// What is chosen within a budget of time, from measurements that nothing was run for.
@Suite struct BudgetPlanTests {
  /// A text of 100,000 tokens; three students, of which each is four times as fast as the one before.
  private static func measured(
    _ budget: Double, teacher: Double = 1e-3, tokens: Int = 102_400, heldOut: Int = 5_000
  ) -> BudgetMeasurements {
    BudgetMeasurements(
      budget: budget, spent: 5, preparation: 0.5, trainingTokens: tokens, heldOutTokens: heldOut, sequenceLength: 256,
      teacherWeights: 8_000_000, teacherSecondsPerToken: teacher, generationSecondsPerToken: 2e-3,
      candidates: [
        .init(weights: 4_000_000, hiddenSize: 384, isNarrow: false, secondsPerToken: 1.6e-3),
        .init(weights: 1_000_000, hiddenSize: 192, isNarrow: true, secondsPerToken: 4e-4),
        .init(weights: 250_000, hiddenSize: 96, isNarrow: true, secondsPerToken: 1e-4),
      ])
  }

  private static func outcome(
    _ run: BudgetedRun, slowdown: Double = 1, perplexity: Double = 50
  ) -> BudgetOutcome {
    BudgetOutcome(run, seconds: run.seconds * slowdown, natsPerToken: log(perplexity))
  }

  /// All runs of a plan, where each takes so many times as long as was measured.
  private static func decision(
    _ plan: BudgetPlan, slowdown: Double = 1, control: Double = 60, teacher: Double = 50, mixed: Double = 55
  ) throws -> BudgetDecision {
    let first = outcome(plan.firstPilot, slowdown: slowdown, perplexity: teacher)
    let without = plan.control(of: first)
    let half = plan.pilot(hardLabelWeight: 0.5, after: first)
    return try BudgetDecision(
      plan, control: outcome(without, perplexity: control), pilots: [first, outcome(half, perplexity: mixed)])
  }

  @Test(arguments: [
    (3_600.0, 102_400, 0, true), (600, 102_400, 1, true), (250, 102_400, 2, true), (300, 1_024_000, 2, false),
  ])
  func theLargestStudentThatReadsTheTextThreeTimes(
    _ budget: Double, _ tokens: Int, _ choice: Int, _ readsEnough: Bool
  ) throws {
    let plan = try BudgetPlan(Self.measured(budget, tokens: tokens))
    #expect(plan.choice == choice && plan.readsEnough == readsEnough)
    let run = try Self.decision(plan).run
    #expect((run.passes >= 3) == readsEnough, "\(run)")
  }

  /// Twenty tokens a weight are as good as three passes of a text that is too long for that.
  @Test func aLongTextNeedNotBeReadThreeTimes() throws {
    let plan = try BudgetPlan(Self.measured(36_000, teacher: 1e-5, tokens: 200_000_000))
    #expect(plan.choice == 1 && plan.readsEnough)
    #expect(try Self.decision(plan).run.passes < 1)
  }

  @Test(arguments: [200.0, 600, 1_800], [0.5, 1, 2])
  func theTimeIsSpentAndNoMore(_ budget: Double, _ slowdown: Double) throws {
    let plan = try BudgetPlan(Self.measured(budget))
    let decision = try Self.decision(plan, slowdown: slowdown)
    let run = decision.run
    let first = Self.outcome(plan.firstPilot, slowdown: slowdown)
    let others = [plan.control(of: first), plan.pilot(hardLabelWeight: 0.5, after: first)].map(\.seconds)
    let evaluations = Double(2 + BudgetPlan.evaluations) * plan.evaluationSeconds
    let total =
      5 + plan.cutSeconds + 4 * 0.5 + first.seconds + others.reduce(0, +) + run.seconds + evaluations
      + (plan.reportSeconds ?? 0)
    #expect(total <= budget && (run.isCutShort || total >= 0.95 * budget), "\(total) \(run)")
    // what a step takes was told by the pilots, not by what was measured
    let perToken = plan.student.secondsPerToken * slowdown
    #expect(run.seconds >= Double(run.steps * plan.batchSize * 256) * perToken)
  }

  @Test func pilotsTakeAsLongAsOneAnother() throws {
    let plan = try BudgetPlan(Self.measured(600))
    let first = Self.outcome(plan.firstPilot, slowdown: 1.5)
    #expect(abs(plan.firstPilot.seconds - 30) < 1e-6)
    let mixed = plan.pilot(hardLabelWeight: 0.5, after: first)
    #expect(abs(mixed.seconds - 45) < 1e-6 && mixed.hardLabelWeight == 0.5)
  }

  /// The teacher takes 1e-3 s a token. The first student is one of 4e-4, with a cache; the second one of 1e-4, without.
  @Test(arguments: [(600.0, 102_400), (1_200, 10_240_000)])
  func theControlTakesAsLongAsThePilotsStepsInTheStudentsRun(_ budget: Double, _ tokens: Int) throws {
    let plan = try BudgetPlan(Self.measured(budget, teacher: 1e-3, tokens: tokens))
    let first = Self.outcome(plan.firstPilot, slowdown: 1.5)
    let control = plan.control(of: first)
    #expect(control.hardLabelWeight == 1 && !control.isCached)
    let student = try Self.decision(plan, slowdown: 1.5).run
    #expect(student.isCached == (tokens < 1_000_000))
    let price = student.seconds / student.passes * plan.firstPilot.passes
    #expect(abs(control.seconds / price - 1) < 0.1, "\(control.seconds) \(price)")
    // in passes of the text alone: the first one with the teacher and a record of it, the others with the record
    let (teacher, passes) = (1e-3 / plan.student.secondsPerToken, student.passes)
    let ratio =
      student.isCached
      ? (BudgetedRun.recording + teacher + (passes - 1) * BudgetedRun.reading) / passes : 1 + teacher
    #expect(abs(control.passes / plan.firstPilot.passes / ratio - 1) < 0.1, "\(control) \(plan.firstPilot)")
  }

  @Test func whatIsReadOftenIsCached() {
    func run(_ seconds: Double, teacher: Double, weight: Double = 0) -> BudgetedRun {
      let measured = Self.measured(600, teacher: teacher)
      return BudgetedRun(
        measured, student: measured.candidates[1], batchSize: 8, hardLabelWeight: weight, seconds: seconds)
    }
    #expect(run(500, teacher: 1e-3).isCached && !run(160, teacher: 1e-3).isCached)
    // a cache costs a tenth of the student's time, which a cheap teacher does not
    #expect(!run(500, teacher: 2e-5).isCached && !run(500, teacher: 1e-3, weight: 1).isCached)
    let cached = run(500, teacher: 1e-3)
    let tokens = 102_400.0
    let expected = 1 + (500 - tokens * (1.2 * 4e-4 + 1e-3)) / (tokens * 1.16 * 4e-4)
    #expect(abs(cached.passes - expected) < 1e-9 && cached.steps == Int(expected * 50))
  }

  @Test(arguments: [(1.0, 10.0, 0.8), (0.5, 20, 0.8), (0, 40, 0.1)])
  func noTextIsLearntByHeart(_ weight: Double, _ passes: Double, _ decay: Double) {
    let measured = Self.measured(600)
    let run = BudgetedRun(
      measured, student: measured.candidates[2], batchSize: 8, hardLabelWeight: weight, seconds: 100_000)
    #expect(run.passes == passes && run.isCutShort && run.weightDecay == decay && run.steps == Int(passes * 50))
    #expect(run.seconds < 100_000)
  }

  @Test(arguments: [
    (60.0, 50.0, 55.0, BudgetDecision.Verdict.pays, 0.0), (60, 55, 50, .pays, 0.5),
    (50, 55, 60, .doesNotPay, 0), (50, 50.5, 49.9, .noDifference, 0.5), (50, 50, 50, .noDifference, 0),
    (.infinity, 50, .nan, .pays, 0), (52, 50, 60, .noDifference, 0), (50, 52, 60, .noDifference, 0),
  ])
  func theVerdictIsThatOfTheBetterPilot(
    _ control: Double, _ teacher: Double, _ mixed: Double, _ verdict: BudgetDecision.Verdict, _ weight: Double
  ) throws {
    let plan = try BudgetPlan(Self.measured(600))
    let decision = try Self.decision(plan, control: control, teacher: teacher, mixed: mixed)
    #expect(decision.verdict == verdict && decision.run.hardLabelWeight == weight)
  }

  @Test func whatCannotBeMeasuredIsToldByName() throws {
    func key(_ change: (inout BudgetMeasurements) -> Void) -> String? {
      var measured = Self.measured(600)
      change(&measured)
      do throws(InvalidValue) { try measured.validate() } catch { return error.key }
      return nil
    }
    #expect(key { _ in } == nil)
    #expect(key { $0.candidates = [] } == "candidates" && key { $0.sequenceLength = 0 } == "sequenceLength")
    #expect(key { $0.budget = 1e300 } == "budget" && key { $0.spent = .nan } == "spent")
    #expect(key { $0.generationSecondsPerToken = .infinity } == "generationSecondsPerToken")
    #expect(key { $0.candidates[1].secondsPerToken = 0 } == "secondsPerToken")
    #expect(key { $0.trainingTokens = .max } == "trainingTokens" && key { $0.heldOutTokens = -1 } == "heldOutTokens")
  }

  @Test func aTeacherOfWhomNothingIsLearntIsAnError() throws {
    let plan = try BudgetPlan(Self.measured(600))
    #expect(throws: InvalidValue.self) { try Self.decision(plan, teacher: .nan, mixed: .infinity) }
  }

  /// The time that an error asks for is enough.
  @Test(arguments: [1e-4, 1e-3, 1e-2, 0.1])
  func aBudgetThatIsTooShortIsToldWhatItNeeds(_ teacher: Double) throws {
    let error = try #require(throws: InvalidValue.self) { try BudgetPlan(Self.measured(7, teacher: teacher)) }
    #expect(error.key == "--budget" && error.found == "7.0s" && error.advice != nil)
    let text = try #require(error.expected.firstMatch(of: /at least ([0-9.]+)([sm]) here/))
    let seconds = try #require(Double(text.1)) * (text.2 == "m" ? 60 : 1)
    #expect(seconds > 7)
    _ = try BudgetPlan(Self.measured(seconds, teacher: teacher))
  }

  @Test func narrowStudentsAreCutByAsManyTokensAsThereIsTimeFor() throws {
    for (budget, tokens) in [(600.0, 12_000), (250, 5_000), (850, 16_384)] {
      let plan = try BudgetPlan(Self.measured(budget))
      #expect(plan.student.isNarrow && plan.calibrationTokens == tokens)
      #expect(abs(plan.cutSeconds - 0.5 - Double(tokens) * 1e-3) < 1e-9)
    }
    #expect(try BudgetPlan(Self.measured(3_600)).cutSeconds == 0.5)
  }

  @Test(arguments: [(850.0, 102_400, 8), (250, 102_400, 4), (600, 4_096, 4), (600, 2_048, 2), (600, 300, 1)])
  func fewStepsAreOfSmallBatches(_ budget: Double, _ tokens: Int, _ size: Int) throws {
    let plan = try BudgetPlan(Self.measured(budget, tokens: tokens))
    #expect(plan.batchSize == size)
    let run = plan.firstPilot
    #expect(run.steps == Int(run.passes * Double(tokens) / Double(256 * size)))
  }

  @Test func aReportThatTakesTooLongIsLeftOut() throws {
    #expect(try BudgetPlan(Self.measured(600)).reportSeconds != nil)
    #expect(try BudgetPlan(Self.measured(600, heldOut: 1_000_000)).reportSeconds == nil)
  }

  @Test(arguments: [(32, 0.01), (96, 0.0062), (192, 0.0031), (640, 0.00094), (1_000_000, 1e-4)])
  func widerStudentsLearnAtLowerRates(_ channels: Int, _ rate: Double) {
    #expect(abs(BudgetedRun.learningRate(hiddenSize: channels) - rate) < 0.02 * rate)
  }

  @Test func studentsAreCutToHalfOfTheTeacherAtMost() {
    let teacher = DecoderConfiguration(
      vocabularySize: 100, hiddenSize: 192, feedForwardSize: 512, layerCount: 12, headCount: 6, keyValueHeadCount: 2,
      headSize: 32, contextLength: 64, tiesEmbeddings: true)
    let plans = StudentPlan.budgetCandidates(of: teacher) { _ in true }
    #expect(plans.map(\.layers.count) == [6, 4, 6, 4, 3])
    #expect(plans.map(\.configuration.hiddenSize) == [192, 192, 96, 96, 96])
    #expect(plans.map(\.configuration.feedForwardSize) == [512, 512, 256, 256, 256])
    #expect(StudentPlan.budgetCandidates(of: teacher) { _ in false }.isEmpty)
    var shallow = teacher
    shallow.attention = Array(teacher.attention.prefix(3))
    #expect(StudentPlan.budgetCandidates(of: shallow) { _ in true }.isEmpty)
    shallow.attention = Array(teacher.attention.prefix(4))
    #expect(StudentPlan.budgetCandidates(of: shallow) { _ in true }.map(\.layers) == [[0, 3], [0, 3]])
  }

  @Test func vocabulariesAreCutWhereTheyAreMostOfTheStudent() {
    var student = DecoderConfiguration(
      vocabularySize: 30_000, hiddenSize: 64, feedForwardSize: 128, layerCount: 2, headCount: 2, keyValueHeadCount: 2,
      headSize: 32, contextLength: 64, tiesEmbeddings: true)
    #expect(StudentPlan.reducesVocabulary(of: student, usedTokens: 14_999))
    #expect(!StudentPlan.reducesVocabulary(of: student, usedTokens: 15_000))
    student.vocabularySize = 500
    #expect(!StudentPlan.reducesVocabulary(of: student, usedTokens: 10))
  }
}
