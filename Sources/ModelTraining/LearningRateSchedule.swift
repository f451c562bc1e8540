import Foundation

/// How the learning rate falls after the warm-up.
public enum LearningRateDecay: String, Codable, Sendable, CaseIterable {
  /// Half a cosine wave from the peak to the minimum.
  case cosine
  /// A straight line from the peak to the minimum.
  case linear
  /// It does not: the peak to the end.
  case constant
}

/// The learning rate of each step: a linear warm-up, then a decay to a minimum.
///
/// Steps are numbered 1…S; W is the number of warm-up steps. Step n ≤ W has peak · n/W, so step W is the first at the
/// peak. Afterwards the decay has progressed by t = (n − w)/(S − w), w = max(1, W), and step S is at the minimum
/// m = peak · ratio: cosine m + (peak − m)·(1 + cos πt)/2, linear peak + (m − peak)·t. Without a warm-up step 1 is at
/// the peak.
public struct LearningRateSchedule: Sendable, Equatable {
  /// The highest rate.
  public var peak: Double
  /// The last step's rate, as a part of the peak.
  public var minimumRatio: Double
  /// W, at most S.
  public var warmupSteps: Int
  /// S
  public var totalSteps: Int
  /// What follows the warm-up.
  public var decay: LearningRateDecay

  /// The schedule, as the properties say.
  public init(peak: Double, minimumRatio: Double, warmupSteps: Int, totalSteps: Int, decay: LearningRateDecay) {
    precondition(
      warmupSteps >= 0 && warmupSteps <= totalSteps, "\(warmupSteps) warm-up steps of \(totalSteps)")
    self.peak = peak
    self.minimumRatio = minimumRatio
    self.warmupSteps = warmupSteps
    self.totalSteps = totalSteps
    self.decay = decay
  }

  /// The rate of step `number`, which lies in 1…S.
  public func rate(atStep number: Int) -> Double {
    precondition(number >= 1 && number <= totalSteps, "step \(number) of \(totalSteps)")
    let warmup = max(1, warmupSteps)
    if number <= warmup { return peak * Double(number) / Double(warmup) }
    let progress = Double(number - warmup) / Double(totalSteps - warmup)
    let minimum = peak * minimumRatio
    switch decay {
    case .cosine: return minimum + (peak - minimum) * (1 + cos(.pi * progress)) / 2
    case .linear: return peak + (minimum - peak) * progress
    case .constant: return peak
    }
  }
}
