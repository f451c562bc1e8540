import Foundation
import ModelTraining
import Testing

@Suite struct ScheduleTests {
  private func schedule(_ decay: LearningRateDecay, warmup: Int = 4, total: Int = 24) -> LearningRateSchedule {
    LearningRateSchedule(peak: 2, minimumRatio: 0.1, warmupSteps: warmup, totalSteps: total, decay: decay)
  }

  @Test(arguments: LearningRateDecay.allCases)
  func warmUpIsALineToThePeak(_ decay: LearningRateDecay) {
    #expect((1...4).map { schedule(decay).rate(atStep: $0) } == [0.5, 1, 1.5, 2])
  }

  @Test func cosineFollowsItsClosedForm() {
    for step in 5...24 {
      let expected = 0.2 + 0.9 * (1 + cos(Double.pi * Double(step - 4) / 20))
      #expect(abs(schedule(.cosine).rate(atStep: step) - expected) < 1e-15)
    }
    // halfway, and at the end
    #expect(abs(schedule(.cosine).rate(atStep: 14) - 1.1) < 1e-15)
    #expect(abs(schedule(.cosine).rate(atStep: 24) - 0.2) < 1e-15)
  }

  @Test func linearFollowsItsClosedForm() {
    for step in 5...24 {
      #expect(abs(schedule(.linear).rate(atStep: step) - (2 - 1.8 * Double(step - 4) / 20)) < 1e-14)
    }
  }

  @Test func constantStaysAtThePeak() {
    #expect((4...24).allSatisfy { schedule(.constant).rate(atStep: $0) == 2 })
  }

  @Test(arguments: LearningRateDecay.allCases)
  func withoutWarmUpTheFirstStepIsAtThePeak(_ decay: LearningRateDecay) {
    #expect(schedule(decay, warmup: 0).rate(atStep: 1) == 2)
    #expect(schedule(decay, warmup: 0, total: 1).rate(atStep: 1) == 2)
    #expect(schedule(decay, warmup: 0).rate(atStep: 24) == (decay == .constant ? 2 : schedule(decay).rate(atStep: 24)))
  }

  @Test func warmUpMayFillTheRun() {
    #expect((1...4).map { schedule(.cosine, total: 4).rate(atStep: $0) } == [0.5, 1, 1.5, 2])
  }
}
