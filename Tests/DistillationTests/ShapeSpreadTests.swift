import Foundation
import LanguageModels
import ModelEvaluation
import Testing

@testable import Distillation

/// Which shapes a search tries.
@Suite struct ShapeSpreadTests {
  private let teacher = PruningBudgetTests.configuration
  private let importance = LayerImportance(losses: [3, 0.5, 0.1, 1])

  private func weights(_ plan: StudentPlan) throws -> Double { Double(try #require(plan.configuration.weightCount)) }

  /// The trials of a search in which a larger student is better, but for one that is bad.
  private func trials(_ spread: ShapeSpread, _ count: Int, bad: Int? = nil) throws -> [ShapeSpread.Trial] {
    var trials: [ShapeSpread.Trial] = []
    while trials.count < count, let plan = spread.next(after: trials) {
      trials.append(.init(plan: plan, loss: trials.count == bad ? .infinity : 10 - log(try weights(plan))))
    }
    return trials
  }

  @Test func halfOfTheShapesAreSpreadAndNoneIsTriedTwice() throws {
    let spread = ShapeSpread(of: teacher, importance, sizes: 4_000...30_000, count: 9)
    let found = try trials(spread, 9)
    #expect(found.count == 9 && spread.spreadCount == 5)
    for (index, trial) in found.prefix(5).enumerated() {
      let limit = 4_000 * pow(7.5, Double(index) / 4)
      #expect(try weights(trial.plan) <= limit.rounded() && weights(trial.plan) > 0.7 * limit, "\(index)")
    }
    #expect(Set(found.map { "\($0.plan.configuration)" }).count == 9)
    #expect(try found.allSatisfy { try weights($0.plan) <= 30_000 })
    // the same trials give the same shape
    #expect(try trials(spread, 9).map(\.plan) == found.map(\.plan))
  }

  @Test func theOthersLieBetweenTheBest() throws {
    let spread = ShapeSpread(of: teacher, importance, sizes: 4_000...30_000, count: 9)
    let found = try trials(spread, 5, bad: 2)
    let sizes = try found.map { try weights($0.plan) }
    let next = try weights(#require(spread.next(after: found)))
    // the one that is bad leaves the widest gap
    #expect(next > sizes[1] && next < sizes[3])
  }

  @Test func aSearchEndsWhereNoShapeIsLeft() throws {
    let single = DecoderConfiguration(
      vocabularySize: 31, hiddenSize: 4, feedForwardSize: 4, layerCount: 1, headCount: 1, keyValueHeadCount: 1,
      headSize: 4)
    let count = try #require(single.weightCount)
    let spread = ShapeSpread(
      of: single, LayerImportance(losses: [.infinity]), sizes: count / 2...count - 1, count: 1000)
    let found = try trials(spread, 1000)
    #expect(!found.isEmpty && found.count < 100)
  }

  @Test(arguments: [
    ([[1.0, 5], [2, 4], [3, 4], [4, 1], [2, 4]], [0, 1, 3, 4]), ([], []), ([[1, .nan], [2, 3]], [1]),
    ([[1, .infinity], [2, 3]], [0, 1]), ([[1, 1, 9], [1, 1, 8]], [1]), ([[1.0], [1], [0]], [2]),
  ])
  func theFrontIsWhatNoneBeats(_ points: [[Double]], _ front: [Int]) {
    #expect(ParetoFront.indices(of: points) == front)
  }
}
