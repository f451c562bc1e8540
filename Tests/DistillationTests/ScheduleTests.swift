import Distillation
import Foundation
import ModelTraining
import Testing

@Suite struct ScheduleTests {
  private func values(_ schedule: Schedule, steps: Int) -> [Float] {
    (1...steps).map { schedule.value(at: StepPosition(step: $0, totalSteps: steps)) }
  }

  @Test func valuesOverTheSteps() {
    #expect(values(3, steps: 3) == [3, 3, 3])
    #expect(values(.linear(from: 4, to: 1), steps: 4) == [4, 3, 2, 1])
    #expect(values(.cosine(from: 0, to: 2), steps: 3) == [0, 1, 2])
    let quarter = Float(1 - cos(Double.pi / 4))
    #expect(abs(values(.cosine(from: 0, to: 2), steps: 5)[1] - quarter) < 1e-7)
    #expect(values(.linear(from: 4, to: 1), steps: 1) == [1])
  }

  @Test func boundsAndWhetherItChanges() {
    #expect(Schedule.linear(from: 4, to: 1).bounds == 1...4)
    #expect(!Schedule.cosine(from: 0, to: 1).isConstant)
    #expect(Schedule.linear(from: 2, to: 2).isConstant && Schedule.constant(0.5).isConstant)
  }

  @Test func theObjectiveFollowsItsSchedules() {
    var schedule = ScheduledObjective(
      .forwardKL, temperature: .linear(from: 4, to: 2), hardLabelWeight: .linear(from: 1, to: 0),
      logitsMSEWeight: .linear(from: 0, to: 0.5), tokenWeighting: .teacherEntropy)
    #expect(schedule.dependsOnTotalSteps)
    let middle = schedule.objective(at: StepPosition(step: 2, totalSteps: 3))
    #expect(middle.temperature == 3 && middle.hardLabelWeight == 0.5 && middle.softLabelWeight == 0.5)
    #expect(middle.logitsMSEWeight == 0.25 && middle.tokenWeighting == .teacherEntropy)
    #expect(middle.divergence is ForwardKL)
    schedule.softLabelWeight = 5
    #expect(schedule.objective(at: .only).softLabelWeight == 5)

    schedule.divergences = [(.linear(from: 1, to: 0), .forwardKL), (.linear(from: 0, to: 1), .reverseKL)]
    let combined = schedule.objective(at: StepPosition(step: 2, totalSteps: 3)).divergence as? CombinedDivergence
    #expect(combined?.terms.map(\.weight) == [0.5, 0.5])
    // a weight of 0 leaves its divergence out
    let last = schedule.objective(at: .only).divergence as? CombinedDivergence
    #expect(last?.terms.count == 1)
  }

  @Test func aConstantObjectiveStaysWhatItIs() {
    let objective = DistillationObjective(
      .totalVariation, temperature: 3, hardLabelWeight: 2, softLabelWeight: 5, logitsMSEWeight: 0.1,
      tokenWeighting: .teacherConfidence)
    let schedule = ScheduledObjective(objective)
    #expect(!schedule.dependsOnTotalSteps)
    let again = schedule.objective(at: StepPosition(step: 1, totalSteps: 9))
    #expect(again.divergence is TotalVariation && again.temperature == 3 && again.hardLabelWeight == 2)
    #expect(again.softLabelWeight == 5 && again.logitsMSEWeight == 0.1 && again.tokenWeighting == .teacherConfidence)
  }
}
