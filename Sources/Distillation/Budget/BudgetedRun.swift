/// The schedule of one run within a budget. It is told by steps, so that the run can be made again.
public struct BudgetedRun: Codable, Sendable, Equatable {
  /// Optimiser steps, at least 1.
  public var steps: Int
  /// The passes over the text that they are.
  public var passes: Double
  /// Whether the teacher runs in the first pass alone, and is cached in it.
  public var isCached: Bool
  /// Whether there would have been time for more passes than help.
  public var isCutShort: Bool
  /// The highest learning rate.
  public var learningRate: Double
  /// Steps in which it rises.
  public var warmupSteps: Int
  /// AdamW's weight decay.
  public var weightDecay: Double
  /// The weight of the cross-entropy with the text: 1 where there is no teacher.
  public var hardLabelWeight: Double
  /// The seconds that its steps should take.
  public var seconds: Double

  /// - Parameters:
  ///   - measured: what it is made from.
  ///   - student: what is trained.
  ///   - batchSize: the sequences of a step.
  ///   - hardLabelWeight: the weight of the text; at 1 no teacher is asked.
  ///   - seconds: those that the steps may take.
  ///   - slowdown: how many times as long as measured steps take.
  init(
    _ measured: BudgetMeasurements, student: BudgetMeasurements.Candidate, batchSize: Int, hardLabelWeight: Double,
    seconds: Double, slowdown: Double = 1
  ) {
    let tokens = Double(measured.trainingTokens)
    let own = student.secondsPerToken * slowdown
    let teachers = measured.teacherSecondsPerToken * slowdown
    let isTaught = hardLabelWeight < 1
    let most = isTaught ? hardLabelWeight == 0 ? Self.mostTaughtPasses : Self.mostMixedPasses : Self.mostPasses
    let live = seconds / (tokens * (own + (isTaught ? teachers : 0)))
    let first = tokens * (own * Self.recording + teachers)
    let cached = 1 + (seconds - first) / (tokens * own * Self.reading)
    isCached = isTaught && cached > live && cached >= Self.leastCachedPasses
    let possible = isCached ? cached : live
    isCutShort = possible > most
    passes = min(possible, most)
    let perStep = Double(batchSize * measured.sequenceLength)
    let count = passes * tokens / perStep
    steps = max(1, Int(min(count, 1e9)))
    self.seconds =
      isCached
      ? first + max(0, passes - 1) * tokens * own * Self.reading : passes * tokens * (own + (isTaught ? teachers : 0))
    learningRate = Self.learningRate(hiddenSize: student.hiddenSize)
    warmupSteps = min(steps / 8, Self.mostWarmupSteps)
    weightDecay = hardLabelWeight > 0 && passes > Self.fewPasses ? Self.strongWeightDecay : Self.usualWeightDecay
    self.hardLabelWeight = hardLabelWeight
  }

  /// The learning rate of a student of C channels: 0.6 / C, within 1e-4 and 1e-2. Of the study's students those of 96
  /// channels learnt best at 4e-3 to 8e-3, those of 32 at 1.6e-2 to 3.2e-2; cut out of Gemma, of 320, at 1e-3.
  static func learningRate(hiddenSize: Int) -> Double {
    let rate = 0.6 / Double(max(1, hiddenSize))
    // two digits are as much as is known
    let scale = 10 / power(of: rate)
    return min(1e-2, max(1e-4, (rate * scale).rounded() / scale))
  }

  /// The power of ten that is just below a number.
  private static func power(of number: Double) -> Double {
    var power = 1.0
    while power > number { power /= 10 }
    return power
  }

  /// What a step costs that caches its teacher, and one that reads the cache, in steps of the text alone
  /// (docs/distilling.md, "A cache that the run itself makes").
  static let (recording, reading) = (1.2, 1.16)
  /// Below this the cache is hardly read.
  private static let leastCachedPasses = 1.5
  /// Beyond these passes a text is learnt by heart. On a tenth of Austen the text alone was best after 10, and a
  /// teacher alone still gained a little from 10 to 20.
  private static let (mostPasses, mostMixedPasses, mostTaughtPasses) = (10.0, 20.0, 40.0)
  /// Up to so many passes the text needs no stronger weight decay.
  private static let fewPasses = 5.0
  /// AdamW's; on a tenth of Austen, ten passes, 0.1 gave a perplexity of 71.5, 0.8 68.6 and 1.6 68.0.
  private static let (usualWeightDecay, strongWeightDecay) = (0.1, 0.8)
  private static let mostWarmupSteps = 100
}
