import Distillation
import LanguageModels
import Limbeck
import ModelTraining
import TensorCore

/// About how long the runs of a search take, from a few tokens of the teacher and of a student.
struct SearchTime {
  /// Of one run; nil where nothing could be measured.
  let secondsPerRun: Double?

  /// Tokens that are measured.
  private static let tokens = 512

  /// Times the teacher, and a step of one shape, whose size says how much longer larger ones take.
  init(_ search: Search, of teacher: LanguageModel, and plan: StudentPlan?, on device: Device) {
    let recipe = search.recipe(contextLength: teacher.configuration.contextLength)
    guard let plan, let size = plan.configuration.weightCount else {
      secondsPerRun = nil
      return
    }
    let length = min(Self.tokens, recipe.sequenceLength)
    let ids = (0..<length + 1).map { Int32($0 % teacher.configuration.vocabularySize) }
    let clock = ContinuousClock()
    // once to touch the weights, once to be timed
    let (inputs, targets) = (Array(ids.prefix(length)), Array(ids.suffix(length)))
    let student = TransformerDecoder(configuration: plan.configuration, seed: 0, device: device)
    let batch = TokenBatch(ids: inputs, targets: targets, batchSize: 1)
    let objective = CrossEntropyObjective()
    let taught = (0..<2).map { _ in
      clock.measure { _ = objective.measure(teacher.decoder.frozen(), on: batch, at: .only) }
    }
    let learnt = (0..<2).map { _ in
      clock.measure {
        student.parameters.zeroGradients()
        _ = objective.accumulateGradients(of: student, on: batch, at: .only, scale: 1)
      }
    }
    let (low, high) = (Double(search.parameters.sizes.lowerBound), Double(search.parameters.sizes.upperBound))
    let growth = (low * high).squareRoot() / Double(size)
    let perToken = (taught[1] / .seconds(1) + learnt[1] / .seconds(1) * growth) / Double(length)
    secondsPerRun = perToken * Double(recipe.batchSize) * Double(recipe.sequenceLength) * Double(search.steps)
  }
}

/// The time that runs take, and what is left.
struct SearchClock {
  private let estimate: SearchTime
  private let runs: Int
  private var (spent, timed) = (0.0, 0)

  init(_ estimate: SearchTime, runs: Int) { (self.estimate, self.runs) = (estimate, runs) }

  /// Times a run.
  mutating func timing(_ body: () throws -> Void) rethrows {
    let clock = ContinuousClock()
    spent += try clock.measure(body) / .seconds(1)
    timed += 1
  }

  /// How far the search has come: by the mean of the runs that were timed, or by the estimate before the first.
  func line(done: Int) -> String {
    let each = timed > 0 ? spent / Double(timed) : estimate.secondsPerRun
    let time = each.map { ", about \(Format.time($0 * Double(runs - done))) left" } ?? ""
    return "\n\(done) of \(runs) runs done\(time)"
  }
}
